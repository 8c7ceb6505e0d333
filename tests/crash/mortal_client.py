# SPDX-License-Identifier: Apache-2.0
"""The control socket of a daemon that may be killed at any moment (docs/control.md)."""
import collections
import json
import socket
import time

PENDING = 60  # the daemon reads no more than 64 that are not answered
GONE = (OSError, EOFError)  # what a call raises when the daemon has died under it


class Refused(Exception):
    """The daemon is there, and says no."""


class Client:
    def __init__(self, path):
        self.path, self.connection, self.answers, self.number = path, None, None, 0

    def close(self):
        if self.connection:
            self.answers.close()
            self.connection.close()
        self.connection = self.answers = None

    def connect(self):
        self.close()
        self.connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.connection.settimeout(30)
        self.answers = self.connection.makefile(encoding="utf-8")
        self.connection.connect(self.path)
        self.exchange([{"op": "hello", "protocol": 1}])

    def exchange(self, requests):
        """Their answers in their order; several are under way at once."""
        answers, sent = {}, 0
        try:
            while len(answers) < len(requests):
                while sent < len(requests) and sent - len(answers) < PENDING:
                    line = json.dumps({**requests[sent], "id": self.number + sent})
                    self.connection.sendall((line + "\n").encode())
                    sent += 1
                line = self.answers.readline()
                if not line.endswith("\n"):
                    raise EOFError("the daemon hung up")
                answer = json.loads(line)
                answers[answer["id"] - self.number] = answer
        except GONE:
            self.close()
            raise
        self.number += len(requests)
        return [answers[i] for i in range(len(requests))]

    def calls(self, requests):
        if not self.connection:
            self.connect()
        return self.exchange(list(requests))

    def call(self, operation, **fields):
        answer = self.calls([{"op": operation, **fields}])[0]
        if not answer["ok"]:
            raise Refused(answer["error"]["message"])
        return answer["result"]

    def insist(self, operation, patience_s=60, **fields):
        """Asks until there is an answer: only of what may be asked for twice."""
        end = time.monotonic() + patience_s
        while True:
            try:
                return self.call(operation, **fields)
            except GONE:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)

    def insist_all(self, requests, patience_s=60):
        end, requests = time.monotonic() + patience_s, list(requests)
        while True:
            try:
                return self.calls(requests)
            except GONE:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)

    def list_runs(self, **filters):
        runs, after = collections.OrderedDict(), {}
        while True:
            page = self.insist("run_list", limit=200, **filters, **after)
            runs.update((run["id"], run) for run in page["data"])
            if not page["next"]:
                return runs
            after = {"after": page["next"]}
