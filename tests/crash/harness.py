#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kills the supervisor, the launcher or both at random under load, and checks that nothing that was
acknowledged is lost and that no attempt ran twice or beside another of its run. Tasks write what they
do to a ledger outside. Usage: harness.py [KILLS [SEED]]"""
import collections
import json
import os
import random
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "integration"))
from daemon import FINAL, PATIENCE_S, Daemon, wait_until  # noqa: E402

RATE = 60  # triggers a second
NOTE = ('note() { echo "$BERTH_RUN_ID $BERTH_ATTEMPT $1 $(date +%s%N)" >> /ledger/$BERTH_RUN_ID; }; '
        'note start; ')
SCRIPTS = {
    "quick": "sleep 0.05; note end",
    "retry": 'n=$(berth-task checkpoint load n) || n=0; berth-task checkpoint save n $((n+1)); '
             'note end; [ $n -ge 1 ] || exit 75',
    "parent": "berth-task trigger-and-wait quick > /dev/null; note end",
    "batch": "berth-task batch '[{\"task\":\"quick\"},{\"task\":\"quick\"}]' > /dev/null; note end",
    "nap": "berth-task wait --for 6s > /dev/null; note end",
}


class Load(threading.Thread):
    """Triggers at a rate; what was acknowledged is kept, what was not may or may not be there."""

    def __init__(self, path, seed):
        super().__init__(daemon=True)
        self.path, self.random, self.acknowledged, self.is_over = path, random.Random(seed), [], False
        self.connection = self.answers = None

    def connect(self):
        self.connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.connection.settimeout(5)
        self.connection.connect(self.path)
        self.answers = self.connection.makefile(encoding="utf-8")
        self.ask({"op": "hello", "protocol": 1})

    def ask(self, request):
        self.connection.sendall((json.dumps({**request, "id": 1}) + "\n").encode())
        answer = json.loads(self.answers.readline())
        assert answer["ok"], answer
        return answer["result"]

    def trigger(self):
        task = self.random.choices(list(SCRIPTS), (70, 12, 10, 6, 2))[0]
        self.acknowledged.append(self.ask({"op": "trigger", "task": task, "payload": "{}"})["id"])

    def run(self):
        due = time.monotonic()
        while not self.is_over:
            try:
                if not self.connection:
                    self.connect()
                self.trigger()
            except (OSError, ValueError):  # killed under our feet: not acknowledged
                self.connection = None
                time.sleep(0.02)
            due = max(due + 1 / RATE, time.monotonic() - 0.2)
            time.sleep(max(0, due - time.monotonic()))


def kill_one(daemon, choose, policy):
    victim = choose.choices(("supervisor", "launcher"), (7, 3))[0]
    if victim == "supervisor":
        pid = daemon.supervisor
        if pid:
            os.kill(pid, 9)
    else:
        daemon.kill()
        daemon.start("--policy", policy)
    return victim


def list_runs(daemon):
    runs, after = [], []
    while True:
        page = daemon.ask("runs", "list", "--limit", "200", *after)
        runs += page["data"]
        if not page["next"]:
            return runs
        after = ["--after", page["next"]]


def check_ledger(directory, runs):
    """Each attempt began once, and no two of a run overlap."""
    problems, attempts = [], 0
    for run in runs:
        path = os.path.join(directory, run["id"])
        lines = open(path, encoding="utf-8").read().splitlines() if os.path.exists(path) else []
        spans = collections.OrderedDict()
        for line in lines:
            _, attempt, what, when = line.split()
            if what == "start" and attempt in spans:
                problems.append(f"{run['id']}: attempt {attempt} began twice")
            spans.setdefault(attempt, []).append(int(when))
        attempts += len(spans)
        ordered = sorted(spans.values())
        for before, after in zip(ordered, ordered[1:]):
            if before[-1] > after[0]:
                problems.append(f"{run['id']}: two attempts at once")
        if run["status"] == "COMPLETED" and not any(line.split()[2] == "end" for line in lines):
            problems.append(f"{run['id']}: completed without its end")
    return problems, attempts


def main():
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(1 << 31)
    print(f"{kills} kills, seed {seed}", flush=True)
    choose, counts = random.Random(seed), collections.Counter()
    daemon = Daemon({"concurrency": 20})
    ledger = os.path.join(daemon.directory, "ledger")
    os.makedirs(ledger)
    os.chmod(ledger, 0o777)
    policy = os.path.join(daemon.directory, "policy")
    with open(policy, "w", encoding="utf-8") as file:
        file.write(f"allow-mount defaults\nallow-mount {ledger} rw\n")
    try:
        daemon.start("--policy", policy)
        daemon.deploy(*({"id": name, "command": ["sh", "-c", NOTE + script],
                         "mounts": [f"{ledger}:/ledger:rw"], "machine": "micro",
                         "retry": {"maxAttempts": 3, "minTimeoutInMs": 50, "maxTimeoutInMs": 100}}
                        for name, script in SCRIPTS.items()))
        load = Load(daemon.socket, seed)
        load.start()
        for _ in range(kills):
            time.sleep(choose.uniform(0.05, 0.8))
            counts[kill_one(daemon, choose, policy)] += 1
        load.is_over = True
        load.join()
        daemon.wait_for_answer()
        wait_until(lambda: all(run["status"] in FINAL for run in list_runs(daemon)),
                   "every run to end", 10 * PATIENCE_S)
        runs = list_runs(daemon)
        known = {run["id"]: run for run in runs}
        problems, attempts = check_ledger(ledger, runs)
        problems += [f"{run}: acknowledged and not there" for run in load.acknowledged
                     if run not in known]
        statuses = collections.Counter(run["status"] for run in runs)
        daemon.stop()
        problems += [f"left over: {what}" for what in daemon.left_over()]
        print(f"{counts['supervisor']} supervisors and {counts['launcher']} launchers killed, "
              f"{len(load.acknowledged)} acknowledged, {len(runs)} runs, {attempts} attempts, "
              f"{dict(statuses)}", flush=True)
        for problem in problems[:20]:
            print(f"FAIL {problem}", flush=True)
        return 1 if problems else 0
    finally:
        daemon.remove()


if __name__ == "__main__":
    sys.exit(main())
