# SPDX-License-Identifier: Apache-2.0
"""The task channel with nothing but the standard library: one JSON object a line over a Unix socket.
docs/protocol.md of berth lists every operation."""
import json
import socket
import time

SOCKET = "/run/berth/task.sock"
PATIENCE_S = 30  # while berth is replaced under the task


class Refused(Exception):
    pass


class Channel:
    def __init__(self):
        self.number = 0
        self.cancelled = False
        self.connect()

    def connect(self):
        """Says hello, also again after a connection was lost: it is the same run."""
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                self.socket.connect(SOCKET)
                self.lines = self.socket.makefile(encoding="utf-8")
                self.hello = self.exchange({"op": "hello", "protocol": 2, "sdk": "example/1"})
                break
            except OSError:
                self.socket.close()
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)
        self.cancelled = self.cancelled or self.hello.get("cancelled", False)

    def exchange(self, request):
        self.number += 1
        self.socket.sendall((json.dumps({**request, "id": self.number}) + "\n").encode())
        for line in self.lines:
            reply = json.loads(line)
            if "event" in reply:
                self.cancelled = self.cancelled or reply["event"] == "cancel"
            elif reply["id"] == self.number:
                if not reply["ok"]:
                    raise Refused(reply["error"]["message"])
                return reply
        raise ConnectionError("berth has closed the connection")

    def ask(self, op, **fields):
        """Done once also when berth is replaced meanwhile: what waits or triggers is given a name
        ("wait" or "once"), by which it is known when it is said again."""
        while True:
            try:
                return self.exchange({"op": op, **fields})
            except ConnectionError:
                self.connect()

    def restore(self, name, otherwise):
        reply = self.ask("restore", name=name)
        return reply["data"] if reply["found"] else otherwise
