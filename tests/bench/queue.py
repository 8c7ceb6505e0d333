#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The daemon next to BullMQ (Redis that flushes every write) and graphile-worker (PostgreSQL): the same
no-op, ten at a time, sandboxed by berth and merely spawned by the others. Once as the disk is, once with
a millisecond more for each flush. A peer that cannot be installed is left out.
usage: queue.py BUILD_DIRECTORY NOOP SLOW_SYNC SCRATCH [JOBS]"""
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

BUILD, NOOP, SLOW_SYNC, SCRATCH = sys.argv[1:5]
JOBS = int(sys.argv[5]) if len(sys.argv) > 5 else 3000
PEERS = ("bullmq@6.7.0", "ioredis@6.0.0", "graphile-worker@0.17.3")
SLOTS = 10
IDLE_JOBS, IDLE_EVERY_S = 300, 0.02
STARTS_S = 20
SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "queue_peers.js")

os.environ["BERTH"] = os.path.join(BUILD, "berth")
sys.path.insert(0, os.path.join(os.path.dirname(SCRIPT), "..", "integration"))
sys.path.insert(0, os.path.dirname(SCRIPT))
from daemon import Daemon, wait_until  # noqa: E402
import serve_client  # noqa: E402


def slowed(is_slow):
    return {"LD_PRELOAD": SLOW_SYNC} if is_slow else {}


def install_peers():
    modules = os.path.join(SCRATCH, "node_modules")
    if not os.path.isdir(os.path.join(modules, "graphile-worker")):
        os.makedirs(SCRATCH, exist_ok=True)
        with open(os.path.join(SCRATCH, "package.json"), "w", encoding="utf-8") as package:
            json.dump({"private": True}, package)
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--silent", *PEERS],
                       cwd=SCRATCH, check=True, timeout=300)
    return modules


def run_peer(kind, place):
    done = subprocess.run(["node", SCRIPT, kind, place, NOOP, str(JOBS), str(SLOTS)],
                          env={**os.environ, "NODE_PATH": install_peers()}, check=True,
                          capture_output=True, text=True, timeout=600)
    return json.loads(done.stdout)


def end(process, how):
    process.send_signal(how)
    process.wait()


def run_bullmq(directory, is_slow):
    path = os.path.join(directory, "redis.sock")
    server = subprocess.Popen(
        ["redis-server", "--port", "0", "--unixsocket", path, "--dir", directory, "--save", "",
         "--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction"],
        env={**os.environ, **slowed(is_slow)}, stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: os.path.exists(path), "redis", STARTS_S)
        return run_peer("bullmq", path)
    finally:
        end(server, signal.SIGTERM)


def run_graphile(directory, is_slow):
    programs = max(glob.glob("/usr/lib/postgresql/*/bin"))
    data = os.path.join(directory, "data")
    os.chmod(directory, 0o777)
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
    subprocess.run([*as_user, f"{programs}/initdb", "-D", data, "-A", "trust", "-U", "postgres"],
                   check=True, stdout=subprocess.DEVNULL)
    server = subprocess.Popen(
        [*as_user, f"{programs}/postgres", "-D", data, "-c", "listen_addresses=", "-k", directory,
         "-c", "shared_buffers=512MB", "-c", "log_min_messages=fatal"],
        env={**os.environ, **slowed(is_slow)}, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: subprocess.run([f"{programs}/pg_isready", "-q", "-h", directory],
                                          check=False).returncode == 0, "postgres", STARTS_S)
        return run_peer("graphile", f"postgres:///postgres?host={directory}&user=postgres")
    finally:
        end(server, signal.SIGINT)


def start_berth(is_slow):
    """The supervisor is found beside the program: there it is one that is preloaded."""
    daemon = Daemon({"concurrency": SLOTS, "burst": 1, "cpu_overcommit": 100})
    if is_slow:
        programs = os.path.join(daemon.directory, "programs")
        os.makedirs(programs)
        for name in ("berth", "berth-launcher", "berth-task"):
            shutil.copy(os.path.join(BUILD, name), programs)
        shutil.copy(os.path.join(BUILD, "berth-supervisor"), os.path.join(programs, "supervisor"))
        wrapper = os.path.join(programs, "berth-supervisor")
        with open(wrapper, "w", encoding="utf-8") as file:
            file.write(f'#!/bin/sh\nLD_PRELOAD={SLOW_SYNC} exec {programs}/supervisor "$@"\n')
        os.chmod(wrapper, 0o755)
        os.chmod(daemon.directory, 0o755)
        daemon.program = os.path.join(programs, "berth")
    return daemon.start()


def run_berth(_directory, is_slow):
    daemon = start_berth(is_slow)
    try:
        bundle = tempfile.mkdtemp(dir=daemon.directory)
        shutil.copy(NOOP, os.path.join(bundle, "noop"))
        with open(os.path.join(bundle, "berth.json"), "w", encoding="utf-8") as file:
            json.dump({"tasks": [{"id": "noop", "program": "noop", "machine": "micro"}]}, file)
        daemon.run("deploy", bundle)
        daemon.run("queues", "pause", "task/noop")
        enqueue, count = serve_client.enqueue(daemon, JOBS, SLOTS, "noop")
        drain = serve_client.drain(daemon, count)
        waits = serve_client.idle_waits(daemon, IDLE_JOBS, IDLE_EVERY_S)
        return {"enqueue": enqueue, "drain": drain, "p50": waits[len(waits) // 2],
                "p99": waits[len(waits) * 99 // 100]}
    finally:
        daemon.remove()


CONTESTANTS = (
    ("BullMQ, appendfsync always", run_bullmq),
    ("graphile-worker", run_graphile),
    ("berth, sandboxed", run_berth),
)


def main():
    for is_slow in (False, True):
        with tempfile.TemporaryDirectory() as directory:
            flush = serve_client.measure_fsync(directory)
        print(f"fsync of 4 KiB: p50 {flush[0]:.0f} us, p99 {flush[1]:.0f} us"
              + (", and 1 ms added to each" if is_slow else ""))
        print(f"{'':28}{'enqueued/s':>11}{'drained/s':>11}{'start p50':>11}{'p99':>9}")
        for name, run in CONTESTANTS:
            with tempfile.TemporaryDirectory(prefix="berth-bench-") as directory:
                try:
                    row = run(directory, is_slow)
                except (OSError, ValueError, subprocess.SubprocessError) as error:
                    print(f"{name:28} could not run here: {error}")
                    continue
            print(f"{name:28}{row['enqueue']:11.0f}{row['drain']:11.0f}{row['p50']:8.2f} ms"
                  f"{row['p99']:6.1f} ms", flush=True)


if __name__ == "__main__":
    main()
