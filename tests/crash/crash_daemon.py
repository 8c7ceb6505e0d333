# SPDX-License-Identifier: Apache-2.0
"""A daemon with a ledger that its tasks may write to, and the task that does."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "integration"))
from daemon import Daemon  # noqa: E402
from mortal_client import Client  # noqa: E402
from ledger import Ledger  # noqa: E402

ROOMY = {"cpu_overcommit": 1000, "memory_overcommit": 100}  # so that nothing waits for a share


class CrashDaemon(Daemon):
    def __init__(self, settings=None):
        super().__init__({**ROOMY, **(settings or {})})
        self.ledger = Ledger(os.path.join(self.directory, "ledger"))
        self.policy = os.path.join(self.directory, "policy")
        self.client = Client(self.socket)
        with open(self.policy, "w", encoding="utf-8") as file:
            file.write(f"allow-mount defaults\nallow-mount {self.ledger.directory} rw\n")

    def start(self, *more):
        return super().start("--policy", self.policy, *more)

    def deploy_task(self, *definitions):
        """crash_task.c under each of these names; by default `crash` alone."""
        with open(os.environ["CRASH_TASK"], "rb") as file:
            program = file.read()
        self.deploy(*({"id": "crash", "program": "task", "mounts": [self.ledger.mount()],
                       "machine": "micro", **more} for more in definitions or ({},)),
                    files={"task": program})

    def begin(self, *steps, task="crash", **fields):
        return self.client.call("trigger", task=task, payload=json.dumps({"steps": steps}),
                                **fields)["id"]
