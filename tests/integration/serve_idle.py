#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A daemon with nothing to do does nothing, and is small. Every function named test_… is a case."""
import glob
import os
import re
import sys
import time

from control import rss_kb
from daemon import shell
from suite import run_cases

QUIET_S = 10
RSS_KB = 15 * 1024  # of both processes


def wake_ups(pids):
    """How often any of their threads has begun to wait again."""
    count = 0
    for pid in pids:
        for path in glob.glob(f"/proc/{pid}/task/*/status"):
            with open(path, encoding="utf-8") as file:
                count += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", file.read(),
                                       re.MULTILINE)[1])
    return count


def assert_quiet(daemon, what):
    pids = (daemon.process.pid, daemon.supervisor)
    time.sleep(1)  # what an answer leaves to be done
    before = wake_ups(pids)
    time.sleep(QUIET_S)
    count = wake_ups(pids) - before
    assert count == 0, f"{what}: {count} wake-ups in {QUIET_S} s"


def assert_small(daemon):
    with open(os.path.join(os.environ["BERTH_BUILD_DIR"], "CMakeCache.txt"), encoding="utf-8") as file:
        is_sanitized = re.search(r"^BERTH_SANITIZE:\w+=.+$", file.read(), re.MULTILINE)
    launcher, supervisor = rss_kb(daemon.process.pid), rss_kb(daemon.supervisor)
    print(f"     launcher {launcher} KiB, supervisor {supervisor} KiB", flush=True)
    assert is_sanitized or launcher + supervisor < RSS_KB, (launcher, supervisor)


def test_fresh(daemon):
    assert_quiet(daemon, "a fresh daemon")
    assert_small(daemon)


def test_after_work(daemon):
    daemon.deploy(shell("hello", "echo hello"))
    runs = [daemon.trigger("hello") for _ in range(30)]
    for run in runs:
        daemon.wait(run)
    daemon.trigger("hello", "--delay", "1h")
    daemon.run("queues", "pause", "task/hello")
    daemon.trigger("hello")
    daemon.run("tokens", "create", "--timeout", "1h")
    daemon.run("runs", "list")
    assert_quiet(daemon, "a daemon with a delayed and a paused run, and a token")
    assert_small(daemon)


def test_runs_that_wait(daemon):
    """Frozen ones cost nothing; their waits are timers of the engine."""
    daemon.deploy(shell("nap", "berth-task wait --for 1h"))
    runs = [daemon.trigger("nap") for _ in range(5)]
    for run in runs:
        daemon.wait(run, "WAITING")
    time.sleep(6)  # until they are frozen
    assert_quiet(daemon, "a daemon whose runs are frozen")


def test_after_the_supervisor_died(daemon):
    daemon.kill_supervisor()
    daemon.wait_for_answer()
    time.sleep(6)  # the launcher looks once whether the dead one hangs
    assert_quiet(daemon, "a daemon with its second supervisor")


if __name__ == "__main__":
    sys.exit(run_cases(globals()))
