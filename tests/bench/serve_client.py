# SPDX-License-Identifier: Apache-2.0
"""What the benches of the daemon measure. Times of runs are read from its store."""
import os
import sqlite3
import threading
import time

from control import Client
from daemon import wait_until

BATCH = 25  # triggers on their way at once, a client


def percentiles(samples):
    samples = sorted(samples)
    return samples[len(samples) // 2], samples[len(samples) * 99 // 100]


def measure_fsync(directory):
    """p50 and p99 in microseconds."""
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


def enqueue(daemon, runs, clients, task):
    """Durable triggers per second, and how many there were."""
    def work():
        client = Client(daemon.socket)
        for _ in range(runs // clients // BATCH):
            client.send(*[{"op": "trigger", "task": task}] * BATCH)
            for _ in range(BATCH):
                client.receive()
    threads = [threading.Thread(target=work) for _ in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    count = runs // clients // BATCH * BATCH * clients
    return count / (time.perf_counter() - started), count


def completed(daemon):
    counts = dict(rows(daemon, "SELECT state, count(*) FROM runs WHERE state >= 8 GROUP BY state"))
    assert set(counts) <= {8}, f"runs that did not complete: {counts}"
    return counts.get(8, 0)


def drain(daemon, count, task="noop"):
    """Runs per second of a paused queue that is let go."""
    goal, started = completed(daemon) + count, time.perf_counter()
    daemon.run("queues", "resume", f"task/{task}")
    wait_until(lambda: completed(daemon) >= goal, "the queue to drain", 600)
    return count / (time.perf_counter() - started)


def idle_waits(daemon, runs, every_s, task="noop"):
    """From the client's request to the task executing, in milliseconds, in order."""
    client, sent = Client(daemon.socket), {}
    goal, start = completed(daemon) + runs, time.monotonic()
    for number in range(runs):
        time.sleep(max(0, start + number * every_s - time.monotonic()))
        asked_ns = time.time_ns()
        sent[client.ask({"op": "trigger", "task": task})["id"]] = asked_ns
    wait_until(lambda: completed(daemon) >= goal, "the last run")
    client.close()
    executing = rows(daemon, "SELECT executing_ns FROM attempts JOIN runs ON id = run_id "
                             f"ORDER BY id DESC LIMIT {runs}")
    return sorted((ns - asked_ns) / 1e6
                  for (ns,), asked_ns in zip(reversed(executing), sent.values()))
