# SPDX-License-Identifier: Apache-2.0
"""What a run may not leave on the host: a process, a cgroup, a mount, a loop device, a file."""
import glob
import os
import time

SPOOL = "/var/tmp"
PATIENCE_SECONDS = 15  # the kernel takes namespaces apart after the last process is gone


def marked_processes(mark):
    """Processes with the mark in their command line, whatever namespace they hide in."""
    found = set()
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as stream:
                words = stream.read().split(b"\0")
        except OSError:
            continue
        # Also berth and its init, which has berth's command line: all end with the mark.
        if len(words) > 3 and words[-2] == mark.encode():
            found.add(f"process {path.split('/')[2]}: {b' '.join(words).decode()}")
    return found


def cgroups_of(pid):
    """Groups are named <run>.<number>.<pid namespace>.<pid of berth>.<its start time>."""
    return {f"cgroup {root}/{name}" for root, names, _ in os.walk("/sys/fs/cgroup")
            for name in names if f".{pid}." in name}


def mounts():
    with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as stream:
        return {"mount " + line.split()[4] for line in stream}


def backing_file(device):
    try:
        with open(f"/sys/block/{device}/loop/backing_file", encoding="utf-8",
                  errors="replace") as stream:
            return stream.read().strip()
    except OSError:
        return None


def loop_devices_of(pid):
    """Those a process has open, with the file behind each: other runs have theirs."""
    found = {}
    for path in glob.glob(f"/proc/{pid}/fd/*"):
        try:
            target = os.readlink(path)
        except OSError:
            continue
        if target.startswith("/dev/loop") and target[9:].isdigit():
            device = target[5:]
            found[device] = backing_file(device)
    return found


def spool_files():
    return {f"file {SPOOL}/{name}" for name in os.listdir(SPOOL) if "berth" in name}


class Leftovers:
    """Made before a run, told of it while it lasts; check() tells what is there that was not."""

    def __init__(self, mark):
        self.mark = mark
        self.devices = {}
        self.before = self.shared()

    @staticmethod
    def shared():
        return mounts() | spool_files()

    def watch(self, pid):
        self.devices.update(loop_devices_of(pid))

    def kept_devices(self):
        return {f"loop device {device}: {file}" for device, file in self.devices.items()
                if file and backing_file(device) == file}

    def now(self, pid):
        return (marked_processes(self.mark) | cgroups_of(pid) | self.kept_devices() |
                (self.shared() - self.before))

    @staticmethod
    def patiently(look):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (left := look()) and time.monotonic() < deadline:
            time.sleep(0.2)
        return sorted(left)

    def check(self, pid, sweep=lambda: None):
        def look():
            sweep()
            return self.now(pid)
        return self.patiently(look)

    def check_processes(self):
        return self.patiently(lambda: marked_processes(self.mark))
