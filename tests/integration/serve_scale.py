#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many at once: waits that are due in the same second, and followers of logs. The daemon answers
meanwhile, nothing is lost, and its memory stays bounded. With `full` as first argument 10,000 waits
and 1,000 followers; without, fewer. Every function named test_… is a case."""
import json
import os
import re
import selectors
import socket
import sys
import threading
import time

from control import Client, rss_kb
from daemon import PATIENCE_S, shell, wait_until
from suite import run_cases

IS_FULL = sys.argv[1:2] == ["full"]
if IS_FULL:
    del sys.argv[1]
WAITERS, TOKENS_EACH, DELAYED = (100, 60, 4000) if IS_FULL else (20, 50, 300)
FOLLOWERS, LINES = (1000, 2000) if IS_FULL else (150, 1000)
LATENCY_S = 5  # an answer may take so long, on a busy machine, at the worst
RSS_KB = 65536  # of the supervisor

# one process, one request: the tokens of its payload
WAITER = '''
import json, socket
s = socket.socket(socket.AF_UNIX); s.connect("/run/berth/task.sock"); f = s.makefile("r")
def ask(**request):
    s.sendall((json.dumps(request) + "\\n").encode())
    while True:
        line = json.loads(f.readline())
        if "event" not in line:
            return line
tokens = ask(op="hello", id=1, protocol=2)["payload"]
results = ask(op="wait", id=2, wait="all", token=tokens)["results"]
ask(op="output", id=3, data=sum(r["state"] == "TIMED_OUT" for r in results))
'''


def is_sanitized():
    with open(os.path.join(os.environ["BERTH_BUILD_DIR"], "CMakeCache.txt"), encoding="utf-8") as file:
        return re.search(r"^BERTH_SANITIZE:\w+=.+$", file.read(), re.MULTILINE)


class Watch(threading.Thread):
    """Asks for the status all the time, and keeps how long the slowest answer took and how large the
    supervisor was."""

    def __init__(self, daemon):
        super().__init__(daemon=True)
        self.client = Client(daemon.socket, PATIENCE_S)
        self.supervisor = daemon.supervisor
        self.slowest_s = self.rss_kb = self.answers = 0
        self.is_over = threading.Event()
        self.start()

    def run(self):
        while not self.is_over.wait(0.01):
            started = time.monotonic()
            self.client.ask({"op": "status"})
            self.slowest_s = max(self.slowest_s, time.monotonic() - started)
            self.answers += 1
            self.rss_kb = max(self.rss_kb, rss_kb(self.supervisor))

    def end(self):
        self.is_over.set()
        self.join()
        self.client.close()
        print(f"     {self.answers} answers, the slowest in {1e3 * self.slowest_s:.0f} ms; "
              f"supervisor {self.rss_kb} KiB", flush=True)
        assert self.slowest_s < LATENCY_S, self.slowest_s
        assert is_sanitized() or self.rss_kb < RSS_KB, self.rss_kb


def ids_of(client, *filters, status):
    """How many runs there are in a status."""
    count, after = 0, {}
    while True:
        page = client.ask({"op": "run_list", "status": status, "limit": 100, **after,
                           **dict(filters)})
        count += len(page["data"])
        if not page.get("next"):
            return count
        after = {"after": page["next"]}


def test_waits_due_in_the_same_second(daemon):
    daemon.deploy({"id": "waiter", "program": "waiter.py", "machine": "micro"},
                  shell("delayed", "true", machine="micro"),
                  files={"waiter.py": "#!/usr/bin/python3\n" + WAITER})
    client = Client(daemon.socket, PATIENCE_S)
    due = time.time() + (45 if IS_FULL else 12)
    tokens = [made["id"] for made in client.ask_all(
        [{"op": "token_create", "timeout": f"{int(1e3 * (due - time.time()))}ms"}
         for _ in range(WAITERS * TOKENS_EACH)])]
    client.ask_all([{"op": "trigger", "task": "waiter", "payload": json.dumps(tokens[n::WAITERS])}
                    for n in range(WAITERS)])
    date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(due))
    client.ask_all([{"op": "trigger", "task": "delayed", "delay": date} for _ in range(DELAYED)])
    wait_until(lambda: ids_of(client, status="WAITING") == WAITERS, "all to wait")
    assert time.time() < due - 1, "the machine is too slow for this test"
    daemon.run("queues", "pause", "task/delayed")
    watch = Watch(daemon)
    wait_until(lambda: ids_of(client, ("task", "waiter"), status="COMPLETED") == WAITERS,
               "the waits to end", 120)
    wait_until(lambda: ids_of(client, status="DELAYED") == 0, "the delays to end")
    print(f"     {len(tokens)} tokens and {DELAYED} delays were over "
          f"{time.time() - due:.1f} s after they were due", flush=True)
    daemon.run("queues", "resume", "task/delayed")
    wait_until(lambda: ids_of(client, ("task", "delayed"), status="COMPLETED") == DELAYED,
               "the delayed to end", 300)
    watch.end()
    for run in client.ask({"op": "run_list", "task": "waiter", "limit": 100})["data"]:
        assert client.ask({"op": "run_get", "run": run["id"]})["output"] == TOKENS_EACH, run
    client.close()


class Follower:
    """A connection that follows a run and keeps the numbers of the lines that it is told."""

    def __init__(self, path, run):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)
        self.socket.sendall((json.dumps({"op": "hello", "id": 1, "protocol": 1}) + "\n" + json.dumps(
            {"op": "run_follow", "id": 2, "run": run}) + "\n").encode())
        self.socket.setblocking(False)
        self.rest = b""
        self.next = 0
        self.is_over = False

    def take(self):
        data = self.socket.recv(1 << 18)
        assert data, f"broken off at line {self.next}"
        lines = (self.rest + data).split(b"\n")
        self.rest = lines.pop()
        for line in lines:
            self.take_line(line)

    def take_line(self, line):
        found = re.search(rb'"message":"line (\d+)"', line)
        if found:
            assert int(found[1]) == self.next, (found[1], self.next)
            self.next += 1
        elif b'"id":2,"ok"' in line.replace(b" ", b""):
            assert json.loads(line)["ok"], line
            self.is_over = True


def follow_all(followers, patience_s):
    """Reads what all of them are told, until all are told that it is over."""
    end = time.monotonic() + patience_s
    with selectors.DefaultSelector() as selector:
        for follower in followers:
            selector.register(follower.socket, selectors.EVENT_READ, follower)
        left = len(followers)
        while left:
            assert time.monotonic() < end, f"{left} followers are not done"
            for key, _ in selector.select(1):
                key.data.take()
                if key.data.is_over:
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
                    left -= 1


SAY = "i=0; while [ $i -lt {lines} ]; do echo line $i; i=$((i+1)); {pause} done"


def follow_runs(daemon, count, lines):
    """So many runs, among which the followers are divided; how long the slowest run took."""
    daemon.deploy(shell("say", "berth-task wait --for 4s > /dev/null; "
                        + SAY.format(lines=lines, pause="")))
    runs = [daemon.trigger("say") for _ in range(count)]
    followers = [Follower(daemon.socket, runs[n % count]) for n in range(FOLLOWERS)]
    watch = Watch(daemon)
    follow_all(followers, 300)
    watch.end()
    assert all(follower.next == lines for follower in followers)
    found = [daemon.wait(run) for run in runs]
    assert all(run["status"] == "COMPLETED" for run in found), found
    return max(run["durationMs"] for run in found)


def test_many_follow_one(daemon):
    took_ms = follow_runs(daemon, 1, LINES)
    print(f"     the run took {took_ms} ms", flush=True)
    assert took_ms < 4000 + 10000, took_ms


def test_many_follow_many(daemon):
    took_ms = follow_runs(daemon, 20, LINES // 10)
    assert took_ms < 4000 + 15000, took_ms


def test_one_that_never_reads(daemon):
    """It costs a bounded part of memory, slows nobody, and is dropped."""
    daemon.deploy(shell("flood", "yes $(printf %0200d 0) | head -c 60000000; sleep 1",
                        limits={"log": "100M"}))
    run = daemon.trigger("flood")
    idle = [Follower(daemon.socket, run) for _ in range(20)]
    before = rss_kb(daemon.supervisor)
    found = daemon.wait(run)
    assert found["status"] == "COMPLETED" and found["durationMs"] < 20000, found
    print(f"     supervisor {before} KiB, then {rss_kb(daemon.supervisor)} KiB", flush=True)
    assert is_sanitized() or rss_kb(daemon.supervisor) < RSS_KB, rss_kb(daemon.supervisor)

    def is_dropped(follower):
        """Told so in the end, behind what had been sent."""
        try:
            while True:
                data = follower.socket.recv(1 << 20)
                if not data:
                    return True
                follower.rest = (follower.rest + data)[-300:]
        except BlockingIOError:
            return False
    time.sleep(31)
    wait_until(lambda: all(is_dropped(follower) for follower in idle), "them to be dropped")
    assert all(b"dropped" in follower.rest or not follower.is_over for follower in idle)


if __name__ == "__main__":
    sys.exit(run_cases(globals()))
