#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Runs every attack in a sandbox of its own: the outcome must name the limit, nothing may stay.

usage: run.py --attack PROGRAM [--berth PROGRAM] [NAME]...

Exit status: 0 when every attack ended as its row says, 1 otherwise.
"""
import argparse
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from leftovers import Leftovers
from rows import ROWS, SMALL, row

INSIDE = "/opt/attack"
PEAK_MAX = 128 << 20  # of berth itself, whatever the task does


class Run:
    """One berth, from its start to what it left in its directory."""

    def __init__(self, berth, programs, entry, directory):
        self.entry = entry
        self.directory = directory
        self.mark = f"mark-{os.getpid()}-{entry['name']}"
        self.output = os.path.join(directory, "output")
        self.stderr = os.path.join(directory, "stderr")
        self.result_path = os.path.join(directory, "result.json")
        self.result = {}
        self.status = None
        self.peak_bytes = 0
        self.seconds = 0.0
        self.leftovers = Leftovers(self.mark)
        command = [berth, "run", "--result", self.result_path, "--output", self.output,
                   "--mount", f"{programs}:{INSIDE}:ro", *entry["options"], "--",
                   f"{INSIDE}/attack", entry["name"], str(entry["number"]), self.mark]
        self.started = time.monotonic()
        with open(os.path.join(directory, "stdout"), "wb") as stdout, \
                open(self.stderr, "wb") as stderr:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout,
                                            stderr=stderr, cwd=directory)

    def stdout(self):
        with open(os.path.join(self.directory, "stdout"), encoding="utf-8") as stream:
            return stream.read()

    def stderr_bytes(self):
        return os.path.getsize(self.stderr)

    def stderr_tail(self):
        with open(self.stderr, "rb") as stream:
            stream.seek(max(0, self.stderr_bytes() - 400))
            return stream.read().decode("utf-8", "replace").strip()

    def own_peak(self):
        """VmHWM of the berth process alone: wait4(2) would count its children too."""
        try:
            with open(f"/proc/{self.process.pid}/status", encoding="ascii") as stream:
                for line in stream:
                    if line.startswith("VmHWM:"):
                        return int(line.split()[1]) << 10
        except OSError:
            pass
        return 0

    def wait(self, seconds):
        """False when it did not end in time; it is killed then."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            self.peak_bytes = max(self.peak_bytes, self.own_peak())
            self.leftovers.watch(self.process.pid)
            if time.monotonic() > deadline:
                self.process.kill()
                self.process.wait()
                return False
            # Often at first: the shortest runs last for a tenth of a second.
            time.sleep(0.005 if time.monotonic() - self.started < 0.3 else 0.05)
        self.seconds = time.monotonic() - self.started
        self.status = self.process.returncode
        if os.path.exists(self.result_path):
            with open(self.result_path, encoding="utf-8") as stream:
                self.result = json.load(stream)
        return True


def mismatch(name, found, expected):
    wanted = expected if isinstance(expected, tuple) else (expected,)
    return None if found in wanted else f"{name} is {found}, not {' or '.join(map(str, wanted))}"


def judge(run):
    """What is wrong with a finished run, as a list of sentences."""
    entry, problems = run.entry, []
    if not run.result:
        return [f"no result; status {run.status}: {run.stderr_tail()}"]
    problems.append(mismatch("outcome", run.result["outcome"], entry["outcome"]))
    if entry["reason"]:
        problems.append(mismatch("reason", run.result["reason"], entry["reason"]))
    if entry["exit"] is not None:
        problems.append(mismatch("status", run.status, entry["exit"]))
    if entry["reason"] in ("memory", "pids", "disk", "log") and run.status == 137:
        said = run.stderr_tail().lower()
        words = {"pids": "processes"}.get(entry["reason"], entry["reason"])
        problems.append(None if words in said else f"stderr does not say {words}")
    if run.peak_bytes > PEAK_MAX:
        problems.append(f"berth itself took {run.peak_bytes >> 20} MiB")
    if entry["check"] and not any(problems):
        problems.append(entry["check"](run))
    return [problem for problem in problems if problem]


def enforced(berth):
    """What this host enforces, by the record of a run that does nothing."""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "result.json")
        subprocess.run([berth, "run", "--result", path, *SMALL.split(), "--", "true"], check=True,
                       stdin=subprocess.DEVNULL)
        with open(path, encoding="utf-8") as stream:
            return set(json.load(stream)["enforced"])


def attack(berth, programs, entry, scale):
    with tempfile.TemporaryDirectory(prefix="berth-attack-") as directory:
        run = Run(berth, programs, entry, directory)
        ended = run.wait(entry["seconds"] * scale)
        problems = judge(run) if ended else [f"did not end within {entry['seconds'] * scale} s"]
        problems += run.leftovers.check(run.process.pid)
        outcome = f"{run.result.get('outcome')}/{run.result.get('reason')}"
        print(f"{'ok' if not problems else 'FAILED':8} {entry['name']:20} {outcome:20} "
              f"{run.seconds:6.1f} s  berth {run.peak_bytes >> 20} MiB, "
              f"{len(run.leftovers.devices)} loop devices", flush=True)
        for problem in problems:
            print(f"         {problem}", flush=True)
        if problems:
            print(f"         stderr: {run.stderr_tail()}", flush=True)
        return not problems


def kill_berth(berth, programs, scale):
    """kill -9 of berth in the middle: its run dies with it, and the next berth sweeps up."""
    entry = row("daemon", "completed", options=SMALL)
    good = True
    for name in ("ignore_signals", "fork_bomb", "memory_child"):
        with tempfile.TemporaryDirectory(prefix="berth-attack-") as directory:
            run = Run(berth, programs, dict(entry, name=name), directory)
            time.sleep(0.4 * scale)
            run.leftovers.watch(run.process.pid)
            run.process.send_signal(signal.SIGKILL)
            run.process.wait()
            left = run.leftovers.check_processes()
            # A group of dead processes that nobody has reaped yet waits for the berth after.
            left += run.leftovers.check(run.process.pid, lambda: enforced(berth))
            print(f"{'ok' if not left else 'FAILED':8} kill -9 of berth in {name}", flush=True)
            for problem in left:
                print(f"         {problem}", flush=True)
            good = good and not left
    return good


def leave_mounts():
    """A mount namespace of our own, shared as the host's is: mounts of others do not come in."""
    libc = ctypes.CDLL(None, use_errno=True)
    new_mounts, recursive, private, shared = 0x20000, 0x4000, 1 << 18, 1 << 20
    if os.geteuid() == 0 and (libc.unshare(new_mounts) < 0 or
                              libc.mount(None, b"/", None, recursive | private, None) < 0 or
                              libc.mount(None, b"/", None, recursive | shared, None) < 0):
        sys.exit(f"run.py: a mount namespace: {os.strerror(ctypes.get_errno())}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--berth", default=os.environ.get("BERTH"))
    parser.add_argument("--attack", required=True)
    parser.add_argument("--scale", type=float, default=1, help="stretches all time limits")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    berth = os.path.abspath(options.berth)
    names = options.names
    results, skipped = [], []
    leave_mounts()

    with tempfile.TemporaryDirectory(prefix="berth-attack-") as programs:
        os.chmod(programs, 0o755)
        shutil.copy(options.attack, os.path.join(programs, "attack"))
        has = enforced(berth)
        for entry in ROWS:
            if names and entry["name"] not in names:
                continue
            if entry["needs"] and entry["needs"] not in has:
                # Without its limit an attack would be one on this host.
                skipped.append(f"{entry['name']} ({entry['needs']})")
                continue
            results.append(attack(berth, programs, entry, options.scale))
        if (not names or "kill" in names) and {"pids_limit", "memory_limit"} <= has:
            results.append(kill_berth(berth, programs, options.scale))

    if skipped:
        print("not enforced on this host, not tried: " + ", ".join(skipped))
    print(f"{sum(results)} of {len(results)} held")
    sys.exit(0 if results and all(results) else 1)


if __name__ == "__main__":
    main()
