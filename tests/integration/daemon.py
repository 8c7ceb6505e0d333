# SPDX-License-Identifier: Apache-2.0
"""A `berth serve` of a test's own: state and socket in a new directory, ended by its own pid."""
import glob
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

BERTH = os.environ["BERTH"]
FINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELED", "SYSTEM_FAILURE", "EXPIRED", "TIMED_OUT")
PATIENCE_S = 60


def wait_until(condition, what, patience_s=PATIENCE_S):
    end = time.monotonic() + patience_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"{what}: not within {patience_s} s"
        time.sleep(0.02)


def children_of(pid):
    """The processes of which it is the parent, with their command lines."""
    found = {}
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path, encoding="ascii", errors="replace") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            if int(fields[1]) == pid and fields[0] != "Z":
                number = int(path.split("/")[2])
                with open(f"/proc/{number}/cmdline", "rb") as file:
                    found[number] = file.read().decode(errors="replace").replace("\0", " ")
        except (FileNotFoundError, ProcessLookupError, IndexError):
            continue
    return found


def processes_of(daemon):
    """Those in its sandboxes: children of what the launcher started for each run."""
    inits = [pid for pid, command in children_of(daemon.process.pid).items()
             if not command.startswith("berth-supervisor")]
    return [pid for init in inits for pid in children_of(init)]


class Daemon:
    def __init__(self, settings=None):
        self.directory = tempfile.mkdtemp(prefix="berth-daemon-", dir="/tmp")
        self.state = os.path.join(self.directory, "state")
        self.socket = os.path.join(self.directory, "sock")
        self.log = os.path.join(self.directory, "log")
        self.settings = settings or {}
        self.program = BERTH
        self.policy = []  # lines of launcher.conf
        self.prefix = []  # what becomes somebody else first
        self.process = None
        self.launchers = []  # every process that it was

    def start(self, *more):
        config = os.path.join(self.directory, "settings.json")
        with open(config, "w", encoding="utf-8") as file:
            json.dump(self.settings, file)
        if self.policy:
            policy = os.path.join(self.directory, "launcher.conf")
            with open(policy, "w", encoding="utf-8") as file:
                file.write("".join(line + "\n" for line in self.policy))
            more = ("--policy", policy, *more)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*self.prefix, self.program, "serve", "--state", self.state, "--socket",
                 self.socket, "--config", config, *more], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log)
        self.launchers.append(self.process.pid)
        self.wait_for_answer()
        return self

    def wait_for_answer(self):
        def answers():
            assert self.process.poll() is None, self.words()
            return self.run("status", check=False).returncode == 0
        wait_until(answers, "an answer")

    def words(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def run(self, *words, stdin=None, check=True, timeout=PATIENCE_S, cwd=None):
        done = subprocess.run([*self.prefix, self.program, *words], input=stdin,
                              capture_output=True, text=True, timeout=timeout, check=False, cwd=cwd,
                              env={**os.environ, "BERTH_SOCKET": self.socket})
        assert not check or done.returncode == 0, \
            f"berth {' '.join(words)}: {done.returncode}\n{done.stderr}\n{self.words()}"
        return done

    def ask(self, *words, **more):
        return json.loads(self.run(*words, "--json", **more).stdout)

    def deploy(self, *tasks, files=None, **manifest):
        directory = tempfile.mkdtemp(dir=self.directory)
        os.chmod(directory, 0o755)
        for name, content in (files or {}).items():
            path = os.path.join(directory, name)
            with open(path, "wb") as file:
                file.write(content if isinstance(content, bytes) else content.encode())
            os.chmod(path, 0o755)
        with open(os.path.join(directory, "berth.json"), "w", encoding="utf-8") as file:
            json.dump({"tasks": list(tasks), **manifest}, file)
        return self.run("deploy", directory)

    def trigger(self, task, *more, payload=None):
        return self.ask("trigger", task, "--payload", json.dumps(payload), *more)["id"]

    def show(self, run):
        return self.ask("runs", "show", run)

    def wait(self, run, *states, patience_s=PATIENCE_S):
        """The run, when it is in one of the states; without any, when it is final."""
        last = {}

        def arrived():
            last.update(self.show(run))
            return last["status"] in (states or FINAL)
        try:
            wait_until(arrived, f"{run} in {states or 'a final state'}", patience_s)
        except AssertionError as error:
            raise AssertionError(f"{error}: {last}\n{self.words()}") from None
        return last

    def finish(self, task, *more, payload=None):
        return self.wait(self.trigger(task, *more, payload=payload))

    def lines(self, run):
        return self.run("runs", "logs", run).stdout.splitlines()

    @property
    def launcher(self):
        return self.process.pid

    @property
    def supervisor(self):
        for pid, command in children_of(self.launcher).items():
            if command.startswith("berth-supervisor"):
                return pid
        return None

    def kill_supervisor(self):
        pid = wait_until(lambda: self.supervisor, "a supervisor")
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: self.supervisor not in (None, pid), "the next supervisor")

    def kill(self):
        """The launcher, and with it everything."""
        self.process.kill()
        self.process.wait()

    def stop(self, patience_s=PATIENCE_S):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=patience_s)
        assert status == 0, f"status {status}\n{self.words()}"

    def left_over(self):
        """Control groups and mounts that its runs left on the host."""
        groups = [group for group in glob.glob("/sys/fs/cgroup/*/berth/*")
                  if any(f".{pid}." in group for pid in {*self.launchers, self.launcher})]
        with open("/proc/self/mountinfo", encoding="utf-8") as file:
            return groups + [line for line in file if self.directory in line]

    def remove(self):
        if self.process and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


def shell(name, script, **more):
    return {"id": name, "command": ["sh", "-c", script], **more}


def raw(path, *requests, lines=None):
    """What the control socket answers to these lines, sent as they are: the first line of it, or a
    list of so many."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(PATIENCE_S)
        connection.connect(path)
        connection.sendall("".join(line + "\n" for line in requests).encode())
        file = connection.makefile(encoding="utf-8")
        return [file.readline() for _ in range(lines)] if lines else file.readline()
