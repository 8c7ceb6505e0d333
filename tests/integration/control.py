# SPDX-License-Identifier: Apache-2.0
"""A client of the control socket: many requests on one connection, answered in any order."""
import json
import socket

AT_ONCE = 50  # requests that wait for their answers; the daemon reads no more than 64


class Client:
    def __init__(self, path, patience_s=None):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)  # before the timeout: that would not wait for a place in the backlog
        self.socket.settimeout(patience_s)
        self.answers = self.socket.makefile(encoding="utf-8")
        self.ask({"op": "hello", "protocol": 1})

    def send(self, *requests):
        self.socket.sendall("".join(json.dumps({**request, "id": number}) + "\n"
                                    for number, request in enumerate(requests)).encode())

    def receive(self):
        answer = json.loads(self.answers.readline())
        assert answer["ok"], answer
        return answer["result"]

    def ask(self, request):
        self.send(request)
        return self.receive()

    def ask_all(self, requests):
        """Their results, in the order of the answers."""
        results = []
        for start in range(0, len(requests), AT_ONCE):
            part = requests[start:start + AT_ONCE]
            self.send(*part)
            results += [self.receive() for _ in part]
        return results

    def close(self):
        self.answers.close()
        self.socket.close()


def rss_kb(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
