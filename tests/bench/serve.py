#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The daemon by itself: how long a durable trigger takes to be answered, how long until the sandboxed
no-op executes, how fast a full queue is drained, what it costs idle. Times of runs are read from its
store. Usage: serve.py BERTH NOOP [RUNS [QUEUED]]"""
import json
import os
import shutil
import socket
import sqlite3
import sys
import tempfile
import threading
import time

os.environ["BERTH"] = sys.argv[1]
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "integration"))
from daemon import Daemon, wait_until  # noqa: E402

SLOTS = 10


class Client:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)
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


def percentiles(samples):
    samples = sorted(samples)
    return samples[len(samples) // 2], samples[len(samples) * 99 // 100]


def measure_fsync(directory):
    path, samples = os.path.join(directory, "fsync"), []
    with open(path, "wb", buffering=0) as file:
        for _ in range(200):
            file.write(b"x" * 4096)
            started = time.perf_counter()
            os.fsync(file.fileno())
            samples.append(1e6 * (time.perf_counter() - started))
    return percentiles(samples)


def rows(daemon, query):
    with sqlite3.connect(f"file:{daemon.state}/berth.db?mode=ro", uri=True) as store:
        return store.execute(query).fetchall()


def idle_latency(daemon, client, runs):
    answered = []
    for _ in range(runs):
        started = time.perf_counter()
        run = client.ask({"op": "trigger", "task": "noop"})["id"]
        answered.append(1e6 * (time.perf_counter() - started))
        wait_until(lambda run=run: client.ask({"op": "run_get", "run": run})["isCompleted"], run)
    starts = [ns / 1e3 for (ns,) in rows(
        daemon, "SELECT executing_ns - created_ns FROM attempts JOIN runs ON id = run_id "
                f"ORDER BY id DESC LIMIT {runs}")]
    print("answer of a durable trigger:   p50 %6.0f us, p99 %6.0f us" % percentiles(answered))
    print("trigger to the task executing: p50 %6.0f us, p99 %6.0f us" % percentiles(starts))


def enqueue_rate(daemon, runs, task="noop"):
    def work():
        client = Client(daemon.socket)
        for _ in range(runs // SLOTS // 25):
            client.send(*[{"op": "trigger", "task": task}] * 25)
            for _ in range(25):
                client.receive()
    threads = [threading.Thread(target=work) for _ in range(SLOTS)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    count = runs // SLOTS // 25 * 25 * SLOTS
    print(f"durable triggers, {SLOTS} clients:  {count / (time.perf_counter() - started):6.0f} /s")
    return count


def drain_rate(daemon, count):
    before = rows(daemon, "SELECT count(*) FROM runs WHERE state = 8")[0][0]
    started = time.perf_counter()
    daemon.run("queues", "resume", "task/noop")
    wait_until(lambda: rows(daemon, "SELECT count(*) FROM runs WHERE state = 8")[0][0] - before
               >= count, "the queue to drain", 600)
    rate = count / (time.perf_counter() - started)
    print(f"sandboxed runs, {SLOTS} at once:     {rate:6.0f} /s")


def measure_full(daemon, client, queued):
    """Many queued runs that may not start: memory, the latency of another queue, lists."""
    daemon.run("queues", "pause", "task/bulk")
    started = time.perf_counter()
    enqueue_rate(daemon, queued, "bulk")
    print(f"{queued} queued in {time.perf_counter() - started:.1f} s: launcher "
          f"{rss_kb(daemon.process.pid)} KiB, supervisor {rss_kb(daemon.supervisor)} KiB")
    idle_latency(daemon, client, 100)
    for words in (("--status", "QUEUED"), ("--task", "bulk"), ("--queue", "task/bulk"),
                  ("--status", "COMPLETED"), ("--task", "noop")):
        started = time.perf_counter()
        daemon.run("runs", "list", *words)
        print(f"runs list {' '.join(words)}: {1e3 * (time.perf_counter() - started):.1f} ms")


def rss_kb(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def main():
    runs = int(sys.argv[3]) if len(sys.argv) > 3 else 300
    daemon = Daemon({"concurrency": SLOTS, "burst": 1, "cpu_overcommit": 100})
    try:
        daemon.start()
        bundle = tempfile.mkdtemp(dir=daemon.directory)
        shutil.copy(sys.argv[2], os.path.join(bundle, "noop"))
        with open(os.path.join(bundle, "berth.json"), "w", encoding="utf-8") as file:
            json.dump({"tasks": [{"id": task, "program": "noop", "machine": "micro"}
                                 for task in ("noop", "bulk")]}, file)
        daemon.run("deploy", bundle)
        print("fsync of 4 KiB:                p50 %6.0f us, p99 %6.0f us"
              % measure_fsync(daemon.directory))
        client = Client(daemon.socket)
        idle_latency(daemon, client, runs)
        daemon.run("queues", "pause", "task/noop")
        drain_rate(daemon, enqueue_rate(daemon, 10 * runs))
        if len(sys.argv) > 4:
            measure_full(daemon, client, int(sys.argv[4]))
        client.socket.close()
        time.sleep(2)
        print(f"idle: launcher {rss_kb(daemon.process.pid)} KiB, "
              f"supervisor {rss_kb(daemon.supervisor)} KiB")
    finally:
        daemon.remove()


if __name__ == "__main__":
    main()
