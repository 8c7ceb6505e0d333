#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The daemon by itself: how long a durable trigger takes to be answered, how long until the sandboxed
no-op executes, how fast a full queue is drained, what it costs idle. Times of runs are read from its
store. Usage: serve.py BERTH NOOP [RUNS [QUEUED]]"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

os.environ["BERTH"] = sys.argv[1]
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "integration"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from control import Client, rss_kb  # noqa: E402
from daemon import Daemon, wait_until  # noqa: E402
from serve_client import drain, enqueue, measure_fsync, percentiles, rows  # noqa: E402

SLOTS = 10


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


def print_enqueue(daemon, runs, task="noop"):
    rate, count = enqueue(daemon, runs, SLOTS, task)
    print(f"durable triggers, {SLOTS} clients:  {rate:6.0f} /s")
    return count


def log_rate(daemon):
    run = daemon.finish("chatter")
    with open(os.path.join(daemon.directory, "log"), "wb") as file:
        started = time.perf_counter()
        subprocess.run([os.environ["BERTH"], "runs", "logs", run["id"], "--socket", daemon.socket],
                       stdout=file, check=True)
        took = time.perf_counter() - started
        print(f"runs logs, lines of 100 B:     {file.seek(0, 2) / took / 1e6:6.0f} MB/s")


def measure_full(daemon, client, queued):
    """Many queued runs that may not start: memory, the latency of another queue, lists."""
    daemon.run("queues", "pause", "task/bulk")
    started = time.perf_counter()
    print_enqueue(daemon, queued, "bulk")
    print(f"{queued} queued in {time.perf_counter() - started:.1f} s: launcher "
          f"{rss_kb(daemon.process.pid)} KiB, supervisor {rss_kb(daemon.supervisor)} KiB")
    idle_latency(daemon, client, 100)
    for words in (("--status", "QUEUED"), ("--task", "bulk"), ("--queue", "task/bulk"),
                  ("--status", "COMPLETED"), ("--task", "noop")):
        started = time.perf_counter()
        daemon.run("runs", "list", *words)
        print(f"runs list {' '.join(words)}: {1e3 * (time.perf_counter() - started):.1f} ms")


def main():
    runs = int(sys.argv[3]) if len(sys.argv) > 3 else 300
    daemon = Daemon({"concurrency": SLOTS, "burst": 1, "cpu_overcommit": 100})
    try:
        daemon.start()
        bundle = tempfile.mkdtemp(dir=daemon.directory)
        shutil.copy(sys.argv[2], os.path.join(bundle, "noop"))
        with open(os.path.join(bundle, "berth.json"), "w", encoding="utf-8") as file:
            json.dump({"tasks": [{"id": task, "program": "noop", "machine": "micro"}
                                 for task in ("noop", "bulk")] + [
                {"id": "chatter", "command": ["sh", "-c", "yes $(printf %099d 0) | head -n 1000000"],
                 "limits": {"log": "1G"}}]}, file)
        daemon.run("deploy", bundle)
        print("fsync of 4 KiB:                p50 %6.0f us, p99 %6.0f us"
              % measure_fsync(daemon.directory))
        log_rate(daemon)
        client = Client(daemon.socket)
        idle_latency(daemon, client, runs)
        daemon.run("queues", "pause", "task/noop")
        count = print_enqueue(daemon, 10 * runs)
        print(f"sandboxed runs, {SLOTS} at once:     {drain(daemon, count):6.0f} /s")
        if len(sys.argv) > 4:
            measure_full(daemon, client, int(sys.argv[4]))
        client.close()
        time.sleep(2)
        print(f"idle: launcher {rss_kb(daemon.process.pid)} KiB, "
              f"supervisor {rss_kb(daemon.supervisor)} KiB")
    finally:
        daemon.remove()


if __name__ == "__main__":
    main()
