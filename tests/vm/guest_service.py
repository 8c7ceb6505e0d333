#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""In the guest, as root: the daemon as berth.service and berth.socket, from its installation to its
end, on cgroup v2. The cases stand in their order: each goes on where the one before has stopped.
  guest_service.py TREE     what `make install` has laid down, for /usr"""
import glob
import json
import os
import pwd
import signal
import subprocess
import sys
import time

os.environ["BERTH"] = "/usr/bin/berth"

# pylint: disable=wrong-import-position
from daemon import Daemon, shell, wait_until  # noqa: E402

SERVICE, SOCKET_UNIT = "berth.service", "berth.socket"
GROUP = "/sys/fs/cgroup/system.slice/berth.service"
SANDBOX_UID_FIRST = 65536
LINES = 70  # two a second: longer than all that happens to the run meanwhile
STEADY = shell("steady", f"i=0; while [ $i -lt {LINES} ]; do echo line $i; sleep 0.5; "
               "i=$((i+1)); done")
SHORT = shell("short", "df /work | grep -q /dev/loop && sleep 4 && berth-task output 1",
              limits={"disk": "16M"})
HOG = shell("hog", "tail /dev/zero", limits={"memory": "32M"})
RESUMES = shell("resumes", "n=$(berth-task checkpoint load n 2>/dev/null || echo 0); "
                "berth-task checkpoint save n 1; [ $n = 1 ] || sleep 60; berth-task output 1")
# Twice in it a supervisor has to answer; the unit's own would be waited for too long here.
WATCHDOG = "[Service]\nWatchdogSec=16\n"


def systemctl(*words, check=True):
    done = subprocess.run(["systemctl", *words], capture_output=True, text=True, check=False,
                          timeout=180)
    assert not check or done.returncode == 0, f"systemctl {words}: {done.stderr}"
    return done.stdout.strip()


class Unit(Daemon):
    """The installed daemon: systemd starts and ends it."""

    def __init__(self):
        super().__init__()
        self.socket = "/run/berth/control.sock"
        self.live = None
        self.before = []  # of others

    def fact(self, name, unit=SERVICE):
        return systemctl("show", "--value", "-p", name, unit)

    @property
    def launcher(self):
        return int(self.fact("MainPID"))

    def words(self):
        return subprocess.run(["journalctl", "--no-pager", "-o", "cat", "-n", "60", "-u", SERVICE,
                               "-u", SOCKET_UNIT], capture_output=True, text=True,
                              check=False).stdout

    def activity(self, unit=SERVICE):
        return systemctl("is-active", unit, check=False)

    def wait_for_answer(self):
        wait_until(lambda: self.run("status", check=False).returncode == 0, "an answer")

    def is_untouched(self):
        """The run that was started first is in its first attempt, and still speaks."""
        count = len(self.lines(self.live))
        found = self.show(self.live)
        assert found["status"] == "EXECUTING" and found["attemptCount"] == 1, found
        wait_until(lambda: len(self.lines(self.live)) > count, "another line")


def groups():
    return [path for path in glob.glob(GROUP + "/**/", recursive=True)]


def traces():
    """What a service could leave behind on this host."""
    uid = pwd.getpwnam("berth").pw_uid
    left = [path for path in (GROUP, "/sys/fs/cgroup/berth", "/run/berth/control.sock")
            if os.path.exists(path)]
    for path in glob.glob("/proc/[0-9]*"):
        try:
            with open(path + "/cmdline", "rb") as file:
                command = file.read()
            owner = os.stat(path).st_uid
            # those of sandboxes have ranges of their own, above all of the host's
            if b"berth-launcher" in command or owner == uid or owner >= SANDBOX_UID_FIRST:
                left.append(f"{path}: {command!r}")
        except (FileNotFoundError, ProcessLookupError):
            continue
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        left += [line for line in file if "berth" in line]
    left += glob.glob("/sys/block/loop*/loop/backing_file")
    return left


def expect_no_traces(unit):
    left = [trace for trace in traces() if trace not in unit.before]
    assert not left, left


def case_install(unit):
    subprocess.run(["cp", "-a", sys.argv[1] + "/.", "/"], check=True)
    subprocess.run(["systemd-sysusers"], check=True, capture_output=True)
    os.makedirs("/etc/systemd/system/berth.service.d", exist_ok=True)
    with open("/etc/systemd/system/berth.service.d/watchdog.conf", "w", encoding="ascii") as file:
        file.write(WATCHDOG)
    systemctl("daemon-reload")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", SERVICE, SOCKET_UNIT],
                          capture_output=True, text=True, check=False)
    assert "berth" not in done.stderr, done.stderr
    systemctl("enable", SERVICE)
    assert systemctl("is-enabled", SOCKET_UNIT) == "enabled"
    assert unit.activity() == "inactive"
    unit.before = traces()


def case_first_client_starts_it(unit):
    systemctl("start", SOCKET_UNIT)
    assert unit.activity() == "inactive", unit.activity()
    unit.deploy(STEADY, SHORT, HOG, RESUMES)
    assert unit.activity() == "active" and unit.fact("NRestarts") == "0"
    found = unit.finish("short")
    assert found["status"] == "COMPLETED" and found["output"] == 1, found
    # the path that a client takes which is told nothing
    done = subprocess.run(["berth", "status", "--json"], capture_output=True, text=True, check=True,
                          env={"PATH": os.environ["PATH"]})
    status = json.loads(done.stdout)
    assert status["cgroup"] == "v2" and status["privileged"], status
    assert status["state"] == "/var/lib/berth", status


def case_who_and_where(unit):
    assert os.stat(f"/proc/{unit.supervisor}").st_uid == pwd.getpwnam("berth").pw_uid
    facts = os.stat("/var/lib/berth")
    assert facts.st_gid == pwd.getpwnam("berth").pw_gid and facts.st_mode & 0o7777 == 0o1770, facts
    unit.live = unit.trigger("steady")
    unit.wait(unit.live, "EXECUTING")
    limits = [path for path in groups() if os.path.exists(path + "memory.max")
              and open(path + "memory.max", encoding="ascii").read().strip() != "max"]
    assert limits, groups()
    # what must be gone in the end is seen while it is there
    seen = " ".join(traces())
    for trace in (GROUP, unit.socket, f"/proc/{unit.launcher}:", f"/proc/{unit.supervisor}:"):
        assert trace in seen, (trace, seen)


def case_doctor(unit):
    findings = json.loads(unit.run("doctor", "--json", check=False).stdout)["findings"]
    daemon = [one for one in findings if one["kind"] == "daemon"]
    assert len(daemon) == 6 and all(one["state"] == "ok" for one in daemon), daemon
    # what the unit takes from the launcher, no sandbox misses
    missing = {one["name"] for one in findings if one["kind"] == "protection" and not one["ok"]}
    assert set(unit.ask("status")["missing"]) <= missing, (unit.ask("status"), missing)


def case_out_of_memory_is_one_runs_end(unit):
    found = unit.finish("hog")
    assert found["status"] != "COMPLETED" and "memory" in json.dumps(found["error"]).lower(), found
    assert unit.activity() == "active" and unit.fact("NRestarts") == "0"
    unit.is_untouched()


def case_reload(unit):
    launcher, supervisor = unit.launcher, unit.supervisor
    systemctl("reload", SERVICE)
    assert unit.launcher == launcher and unit.supervisor not in (None, supervisor)
    assert unit.activity() == "active"
    unit.is_untouched()


def case_supervisor_killed(unit):
    launcher = unit.launcher
    unit.kill_supervisor()
    unit.wait_for_answer()
    assert unit.launcher == launcher and unit.fact("NRestarts") == "0"
    unit.is_untouched()


def case_supervisor_hangs(unit):
    launcher, hung = unit.launcher, unit.supervisor
    os.kill(hung, signal.SIGSTOP)
    wait_until(lambda: unit.supervisor not in (None, hung), "the next supervisor")
    unit.wait_for_answer()
    assert unit.launcher == launcher and unit.fact("NRestarts") == "0"
    found = unit.wait(unit.live, patience_s=120)
    assert found["status"] == "COMPLETED" and found["attemptCount"] == 1, found
    assert len(unit.lines(unit.live)) == LINES


def case_launcher_killed(unit):
    run = unit.trigger("resumes")
    wait_until(lambda: unit.ask("checkpoints", "list", run), "a checkpoint")
    os.kill(unit.launcher, signal.SIGKILL)
    wait_until(lambda: unit.fact("NRestarts") == "1", "systemd to start it again")
    unit.wait_for_answer()
    found = unit.wait(run)
    assert found["status"] == "COMPLETED" and found["interruptions"] == 1, found


def case_socket_restarted(unit):
    launcher = unit.launcher
    systemctl("restart", SOCKET_UNIT)
    assert unit.show(unit.live)["status"] == "COMPLETED"
    assert unit.activity() == "active" and unit.launcher != launcher


def case_stop_drains(unit):
    run = unit.trigger("short")
    unit.wait(run, "EXECUTING")
    systemctl("stop", SERVICE, SOCKET_UNIT)
    assert unit.activity() == "inactive", unit.activity()
    assert unit.activity(SOCKET_UNIT) == "inactive"
    expect_no_traces(unit)
    systemctl("start", SERVICE)
    found = unit.show(run)
    assert found["status"] == "COMPLETED" and found["attemptCount"] == 1, found
    assert unit.lines(unit.live)[-1].endswith(f"line {LINES - 1}")


def case_stop_kills_what_does_not_end(unit):
    """A second request cuts the draining short; what ran goes on another time."""
    run = unit.trigger("steady")
    unit.wait(run, "EXECUTING")
    systemctl("stop", "--no-block", SERVICE, SOCKET_UNIT)
    wait_until(lambda: unit.activity() == "deactivating", "draining")
    os.kill(unit.launcher, signal.SIGTERM)
    wait_until(lambda: unit.activity() == "inactive" and unit.activity(SOCKET_UNIT) == "inactive",
               "the end")
    expect_no_traces(unit)


def main():
    unit = Unit()
    for name, case in list(globals().items()):
        if not name.startswith("case_"):
            continue
        started = time.monotonic()
        try:
            case(unit)
        except (AssertionError, subprocess.SubprocessError, LookupError, OSError) as error:
            print(f"FAILED {name}: {type(error).__name__} {error}\n{unit.words()}")
            return 1
        print(f"ok   {name} ({time.monotonic() - started:.1f} s)", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
