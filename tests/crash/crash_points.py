#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Has the supervisor or the launcher die once at every named crash point (runner/crash) while a run
does everything that a run can do, and checks afterwards that nothing is lost and nothing was done
twice. A point that is never reached fails. With EVERY=1 it kills at each passage of the points, until
a run passes one less often. Usage: crash_points.py PRINT-PROGRAM [POINT...]"""
import collections
import itertools
import mmap
import os
import signal
import struct
import subprocess
import sys
import time

from crash_daemon import CrashDaemon  # first: it knows where the others are
from daemon import FINAL, PATIENCE_S
from mortal_client import GONE
from invariants import check_left_over, check_runs

CELL = struct.Struct("IIi")  # countdown, passed, victim: struct crash_point_cell
FREEZE_AFTER_S = 0.2
EVERY = os.environ.get("EVERY") == "1"
STEPS = ["lines:3", "save", "token", "lines:2", "child:crash", "save", "batch:crash", "retry",
         "lines:120", "trigger:crash", "output:1"]

# How often the point is passed before it kills, where the first time is not enough to meet
# everything that comes by there.
COUNTS = {
    "commit-before": (1, 2, 3, 5, 8, 12),
    "commit-after": (1, 2, 3, 5, 8, 12),
    "message-before-handling": (1, 2, 4, 9),
    "message-before-consume": (1, 2, 6),
    "message-announced": (1, 2, 6),
    "message-taken": (1, 2, 6),
    "reply-before-send": (1, 2, 3, 5),
    "reply-after-send": (1, 2, 3, 5),
    "request-before-answer": (1, 2, 3, 5, 7),
    "log-moved": (1, 3),
    "log-after-record": (1, 5, 20),
    "connection-before-hold": (1, 2),
    "resume-before-answer": (1, 2, 3),
    "wait-after-ledger": (1, 2, 3),
    "end-before-release": (1, 2, 5),
}
AFTER_A_KILL = ("recover-before", "recover-after", "adopt-before", "adopt-after")
AT_RELOAD = ("launcher-before-reload", "launcher-after-reload")
FROZEN = ("launcher-before-freeze", "launcher-after-freeze", "launcher-before-thaw",
          "launcher-after-thaw")


class Points:
    """The cells that every process of the daemon shares."""

    def __init__(self, program, state):
        listed = subprocess.run([program], capture_output=True, text=True, check=True).stdout
        self.rows = collections.OrderedDict(line.split() for line in listed.splitlines())
        os.makedirs(state, exist_ok=True)
        path = os.path.join(state, "crash-points")
        with open(path, "wb") as file:
            file.write(bytes(CELL.size * len(self.rows)))
        os.chmod(path, 0o666)  # the supervisor is another user
        with open(path, "r+b") as file:
            self.cells = mmap.mmap(file.fileno(), 0)

    def place(self, name):
        return CELL.size * list(self.rows).index(name)

    def arm(self, name, count):
        CELL.pack_into(self.cells, self.place(name), count, 0, 0)

    def victim(self, name):
        return CELL.unpack_from(self.cells, self.place(name))[2]

    def disarm(self, name):
        CELL.pack_into(self.cells, self.place(name), 0, 0, 0)


class Trial:
    """One point, met once."""

    def __init__(self, daemon, points):
        self.daemon, self.points, self.ledger = daemon, points, daemon.ledger
        self.client, self.number = daemon.client, 0
        self.completed, self.problems = set(), []

    def revive(self):
        """Whoever runs berth serve starts it again."""
        if self.daemon.process.poll() is not None:
            self.daemon.start()

    def trigger(self, steps):
        """Until it is acknowledged: the key makes sure that there is one."""
        self.number += 1
        end = time.monotonic() + PATIENCE_S
        while True:
            self.revive()
            try:
                return self.daemon.begin(*steps, idempotencyKey=f"trial-{self.number}")
            except GONE:
                assert time.monotonic() < end, f"trigger\n{self.daemon.words()[-3000:]}"
                time.sleep(0.02)

    def complete_tokens(self, run, is_late):
        for token in self.ledger.tokens(run):
            if token in self.completed:
                continue
            if is_late:
                time.sleep(2 * FREEZE_AFTER_S)
            try:
                self.client.call("token_complete", token=token, output=1)
                self.completed.add(token)
            except GONE:
                return

    def is_over(self, run):
        try:
            return self.client.call("run_get", run=run, brief=True)["status"] in FINAL
        except GONE:
            return False

    def children(self, run):
        """It, and what came of it."""
        found = [run]
        for one in found:
            found += [child for child in self.client.insist("run_get", run=one)["children"]
                      if child not in found]
        return found

    def expect(self, name, what, run):
        """Until it has happened, with everybody's part done meanwhile."""
        end = time.monotonic() + PATIENCE_S
        while not what():
            assert time.monotonic() < end, f"{name}: {run}\n{self.daemon.words()[-3000:]}"
            self.revive()
            self.complete_tokens(run, name in FROZEN)
            time.sleep(0.01)

    def provoke(self, name, run):
        """What a run does not do by itself."""
        if name in AFTER_A_KILL:
            self.expect(name, lambda: self.ledger.attempts(run), run)
            self.daemon.kill_supervisor()
        elif name in AT_RELOAD:
            self.expect(name, lambda: self.ledger.attempts(run), run)
            self.daemon.run("reload", check=False)

    def meet(self, name, count):
        """Whether somebody died there."""
        steps = (["sleep:300"] if name in AFTER_A_KILL + AT_RELOAD else []) + STEPS
        process = self.daemon.process  # revive() replaces it
        self.client.insist("ping")  # connected, so that nothing but the run comes by
        self.points.arm(name, count)
        run = self.trigger(steps)
        self.provoke(name, run)
        self.expect(name, lambda: self.points.victim(name) or self.is_over(run), run)
        deadline = time.monotonic() + 3  # some come after a run's end
        while not self.points.victim(name) and time.monotonic() < deadline:
            time.sleep(0.01)
        victim = self.points.victim(name)
        self.points.disarm(name)
        if victim and (victim == process.pid) != (self.points.rows[name] == "launcher"):
            self.problems.append(f"{name}: process {victim} is not the {self.points.rows[name]}")
        if victim == process.pid:
            process.wait()
        self.expect(name, lambda: self.is_over(run), run)
        self.check(name, count, run)
        return bool(victim)

    def check(self, name, count, run):
        family = self.children(run)
        for one in family:  # what was triggered and not waited for
            self.expect(name, lambda one=one: self.is_over(one), one)
        found = check_runs(self.client, self.ledger, family)
        if len(family) != 5:
            found.append(f"{run}: {len(family) - 1} children and not 4")
        if self.client.insist("run_get", run=run)["output"] != 1:
            found.append(f"{run}: without its output")
        self.problems += [f"{name} {count}: {problem}" for problem in found]


def meet_all(trial, names):
    """Prints one line a death; how many there were."""
    deaths = 0
    for name in names:
        counts = itertools.count(1) if EVERY else COUNTS.get(name, (1,))
        for count in counts:
            before, begun = len(trial.problems), time.monotonic()
            is_met = trial.meet(name, count)
            if EVERY and count > 1 and not is_met:
                break
            if not is_met:
                trial.problems.append(f"{name} {count}: not reached")
            deaths += is_met
            print(f"{'ok  ' if len(trial.problems) == before else 'FAIL'} {name} {count} "
                  f"({time.monotonic() - begun:.1f} s)", flush=True)
    return deaths


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    daemon = CrashDaemon({"freeze_after": FREEZE_AFTER_S})
    points = Points(sys.argv[1], daemon.state)
    try:
        daemon.start()
        daemon.deploy_task({"retry": {"maxAttempts": 2, "minTimeoutInMs": 20,
                                      "maxTimeoutInMs": 20}})
        trial = Trial(daemon, points)
        deaths = meet_all(trial, sys.argv[2:] or points.rows)
        trial.client.close()
        daemon.stop()
        trial.problems += check_left_over(daemon)
        for problem in trial.problems:
            print(f"FAIL {problem}", flush=True)
        print(f"{len(points.rows)} points, {deaths} deaths, {len(daemon.ledger.runs())} runs",
              flush=True)
        return 1 if trial.problems else 0
    finally:
        if sys.exc_info()[0] or trial.problems:
            print(daemon.words()[-4000:], flush=True)
        daemon.remove()


if __name__ == "__main__":
    sys.exit(main())
