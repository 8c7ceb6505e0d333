#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Runs the escape probes under berth and under bwrap and prints both columns.

usage: report.py --probe PROGRAM [--berth PROGRAM] [--no-bwrap] [--json FILE]

The host's side of each probe (a secret file, a listening port, a shared memory segment, an open
descriptor, a variable) is made here first, so that a probe can only pass by being kept out.
Exit status: 0 when everything holds under berth, 1 when something leaks or differs.
"""
import argparse
import ctypes
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile

NAMESPACES = ["user", "pid", "mnt", "net", "ipc", "uts", "cgroup", "time"]
SHARED_KEY = 0x62657274
IPC_CREAT = 0o1000
INSIDE = "/opt/escape"


class Host:
    """Everything of the host that a run must not reach; use it as a context."""

    def __init__(self):
        # Not a private directory: only the sandbox may be what keeps a run out of it.
        self.directory = tempfile.mkdtemp(prefix="berth-escape-", dir="/tmp")
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.queue = f"/berth-escape-{os.getpid()}"
        self.shared = f"berth-escape-{os.getpid()}"

    def __enter__(self):
        os.chmod(self.directory, 0o777)
        self.secret = self.make_file(os.path.join(self.directory, "secret"))
        self.input = self.make_file(os.path.join(self.directory, "input"))
        self.make_file("/dev/shm/" + self.shared)
        self.abstract = f"berth-escape-{os.getpid()}"
        self.unix = socket.socket(socket.AF_UNIX)
        self.unix.bind("\0" + self.abstract)
        self.unix.listen()
        self.tcp = socket.socket()
        self.tcp.bind(("127.0.0.1", 0))
        self.tcp.listen()
        self.segment = self.libc.shmget(SHARED_KEY, 4096, IPC_CREAT | 0o666)
        self.semaphore = self.libc.semget(SHARED_KEY, 1, IPC_CREAT | 0o666)
        create = os.O_CREAT | os.O_RDWR
        self.mq = self.libc.mq_open(self.queue.encode(), create, 0o666, None)
        self.leaked = os.open(self.secret, os.O_RDWR)
        os.set_inheritable(self.leaked, True)
        return self

    def __exit__(self, *_):
        self.libc.shmctl(self.segment, 0, None)
        self.libc.semctl(self.semaphore, 0, 0)
        self.libc.mq_unlink(self.queue.encode())
        os.unlink("/dev/shm/" + self.shared)
        shutil.rmtree(self.directory)

    @staticmethod
    def make_file(path):
        with open(path, "w", encoding="ascii") as stream:
            stream.write("the host's\n")
        os.chmod(path, 0o666)
        return path

    def facts(self):
        facts = {f"ns_{name}": os.readlink(f"/proc/self/ns/{name}") for name in NAMESPACES}
        with open("/proc/uptime", encoding="ascii") as stream:
            facts["uptime"] = int(float(stream.read().split()[0]))
        facts.update(
            secret=self.secret,
            secret_directory=self.directory,
            abstract=self.abstract,
            port=self.tcp.getsockname()[1],
            pid=os.getpid(),
            shm=SHARED_KEY,
            queue=self.queue,
            posix_shm=self.shared,
            hostname=socket.gethostname(),
            memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        )
        return [word for key, value in facts.items() for word in ("--host", f"{key}={value}")]

    def run(self, command):
        environment = dict(os.environ, AWS_SECRET_ACCESS_KEY="the host's")
        with open(self.input, encoding="ascii") as stdin:
            return subprocess.run(
                command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                env=environment, pass_fds=[self.leaked], cwd=self.directory, timeout=240,
                check=False)


def parse(name, finished):
    rows = {}
    for line in finished.stdout.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            sys.exit(f"report.py: not a row under {name}: {line}")
        rows[row["name"]] = row
    if not rows:
        sys.exit(f"report.py: {name} ran no probe (status {finished.returncode}): "
                 f"{finished.stderr.strip()}")
    return rows


def run_berth(host, berth, probe):
    result = os.path.join(host.directory, "result.json")
    output = os.path.join(host.directory, "output")
    checkpoint = os.path.join(host.directory, "checkpoint")
    os.mkdir(output)
    finished = host.run(
        [berth, "run", "--machine", "small-1x", "--result", result, "--output", output,
         "--checkpoint", checkpoint, "--mount", f"{os.path.dirname(probe)}:{INSIDE}:ro", "--",
         f"{INSIDE}/{os.path.basename(probe)}", "--json", *host.facts()])
    rows = parse("berth", finished)
    with open(result, encoding="utf-8") as stream:
        return rows, json.load(stream)


def run_bwrap(host, probe):
    command = ["bwrap", "--unshare-all", "--ro-bind", "/usr", "/usr", "--ro-bind", "/etc", "/etc"]
    for link in ("bin", "sbin", "lib", "lib64"):
        command += ["--symlink", f"usr/{link}", f"/{link}"]
    command += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/run",
                "--dir", "/work", "--chdir", "/work",
                "--ro-bind", os.path.dirname(probe), INSIDE,
                f"{INSIDE}/{os.path.basename(probe)}", "--json", *host.facts()]
    return parse("bwrap", host.run(command))


def unenforced(result):
    """Names of the protections that the run's own record says it did not have."""
    return {row["name"] for row in result["notEnforced"] if row["why"] == "unavailable"}


def judge(row, missing):
    if row["verdict"] == "ok":
        return "ok"
    return "not enforced" if row["protection"] in missing else row["verdict"]


def print_table(berth, bwrap, missing):
    print(f"{'probe':26} {'protection':24} {'berth':12} {'bwrap':12} tries to")
    for name, row in berth.items():
        verdict = judge(row, missing)
        other = bwrap.get(name, {}).get("result", "-")
        mark = "" if verdict == "ok" else f"   <- {verdict}, expected {row['expected']} {row['note']}"
        print(f"{name:26} {row['protection']:24} {row['result']:12} {other:12} "
              f"{row['tries']}{mark}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--berth", default=os.environ.get("BERTH"))
    parser.add_argument("--probe", required=True)
    parser.add_argument("--no-bwrap", action="store_true")
    parser.add_argument("--json")
    options = parser.parse_args()
    probe = os.path.abspath(options.probe)

    # Both runs take the same probes from a directory that holds nothing else.
    with Host() as host, tempfile.TemporaryDirectory(dir="/tmp") as programs:
        os.chmod(programs, 0o755)
        probe = shutil.copy(probe, programs)
        berth, result = run_berth(host, os.path.abspath(options.berth), probe)
        bwrap = {} if options.no_bwrap else run_bwrap(host, probe)

    missing = unenforced(result)
    print_table(berth, bwrap, missing)
    attempts = [row for row in berth.values() if row["protection"] != "control"]
    verdicts = [judge(row, missing) for row in berth.values()]
    bad = [word for word in verdicts if word not in ("ok", "not enforced")]
    print(f"\n{len(attempts)} attempts and {len(berth) - len(attempts)} controls")
    print(f"berth: {sum(row['result'] == 'LEAK' for row in attempts)} leaks, {len(bad)} failures, "
          f"{verdicts.count('not enforced')} in what this host does not enforce: "
          f"{', '.join(sorted(missing)) or 'nothing'}")
    if bwrap:
        leaks = [name for name, row in bwrap.items() if row["result"] == "LEAK"]
        print(f"bwrap --unshare-all: {len(leaks)} leaks")
        # The probes that succeed there show that a probe can succeed at all.
        if len(leaks) < 10:
            sys.exit("report.py: almost nothing leaks under bwrap: the probes prove nothing")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as stream:
            json.dump({"berth": list(berth.values()), "bwrap": list(bwrap.values()),
                       "not_enforced": sorted(missing)}, stream, indent=1)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
