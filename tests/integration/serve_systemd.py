#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`berth serve` as a unit runs it, with the test in systemd's place: the socket is passed, readiness,
reloads and the end are told, the watchdog is answered. Every function named test_… is a case.
What systemd itself makes of the units is tried in the guest of tests/vm."""
import glob
import json
import os
import pwd
import select
import shutil
import signal
import socket
import subprocess
import sys
import time

from daemon import BERTH, Daemon, children_of, shell, wait_until
from suite import run_cases

WATCHDOG_S = 2
COUNT = shell("count", "i=0; while [ $i -lt 30 ]; do echo line $i; sleep 0.1; i=$((i+1)); done")


class Service(Daemon):
    """A daemon that is started as from berth.service and berth.socket."""

    def __init__(self):
        super().__init__()
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.socket)
        self.listener.listen(512)
        self.told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.told.bind(os.path.join(self.directory, "notify"))
        self.messages = []

    def start(self, *more):
        self.process = self.spawn(*more)
        self.wait_for_answer()
        return self

    def spawn(self, *more, sockets="1"):
        # the number of the process is known to itself alone
        script = 'LISTEN_PID=$$ WATCHDOG_PID=$$ exec "$@" 3<&"$LISTENER"'
        environment = {**os.environ, "LISTEN_FDS": sockets, "LISTEN_FDNAMES": "control",
                       "LISTENER": str(self.listener.fileno()),
                       "NOTIFY_SOCKET": self.told.getsockname(),
                       "WATCHDOG_USEC": str(WATCHDOG_S * 1000000)}
        with open(self.log, "ab") as log:
            return subprocess.Popen(
                ["bash", "-c", script, "bash", self.program, "serve", "--state", self.state, *more],
                env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                pass_fds=[self.listener.fileno()])

    def hear(self, patience_s=0.0):
        """What was told since the last time."""
        while select.select([self.told], [], [], patience_s)[0]:
            self.messages.append(self.told.recv(4096).decode())
            patience_s = 0
        heard, self.messages = self.messages, []
        return heard

    def wait_to_hear(self, word):
        heard = []

        def came():
            heard.extend(self.hear(0.1))
            return any(word in message.splitlines() for message in heard)
        wait_until(came, f"to be told {word}")
        return heard

    def remove(self):
        super().remove()
        self.listener.close()
        self.told.close()


def copy_programs(service):
    """Programs of its own, so that some can be replaced."""
    place = os.path.join(service.directory, "programs")
    build = os.path.dirname(BERTH)
    os.mkdir(place)
    for name in ("berth", "berth-launcher", "berth-supervisor", "berth-task"):
        shutil.copy2(os.path.join(build, name), place)
    shutil.copytree(os.path.join(build, "machines"), os.path.join(place, "machines"))
    service.program = os.path.join(place, "berth")


def replace_program(service, name, script):
    path = os.path.join(os.path.dirname(service.program), name)
    os.unlink(path)
    with open(path, "w", encoding="ascii") as file:
        file.write(script)
    os.chmod(path, 0o755)


def test_ready(service):
    heard = service.wait_to_hear("READY=1")
    ready = [message for message in heard if "READY=1" in message]
    assert f"MAINPID={service.process.pid}" in ready[0], heard
    assert service.socket in service.words(), service.words()


def test_client_before_the_daemon(service):
    """The socket outlives the daemon, and whoever came meanwhile is answered by the next."""
    service.deploy(COUNT)
    service.stop()
    service.wait_to_hear("STOPPING=1")
    with subprocess.Popen([BERTH, "versions", "list", "--json", "--socket", service.socket],
                          stdout=subprocess.PIPE, text=True) as early:
        time.sleep(0.2)
        assert early.poll() is None, "nobody was there to answer"
        service.start()
        assert '"version"' in early.communicate(timeout=60)[0]
        assert early.returncode == 0


def test_reload(service):
    service.deploy(COUNT)
    run = service.trigger("count")
    service.wait(run, "EXECUTING")
    service.wait_to_hear("READY=1")
    before = service.supervisor
    service.run("reload")
    assert service.supervisor not in (None, before), "it came back before the next one served"
    heard = service.hear()
    kinds = [message.split("\n", 1)[0] for message in heard]
    assert kinds.index("RELOADING=1") < kinds.index("READY=1"), heard
    assert any("MONOTONIC_USEC=" in message for message in heard), heard
    # the one that took over answers the watchdog too
    service.wait_to_hear("WATCHDOG=1")
    found = service.wait(run)
    assert found["status"] == "COMPLETED" and found["attemptCount"] == 1, found
    assert len(service.lines(run)) == 30


def test_reload_that_cannot_be(service):
    """Programs that do not take over are refused in words, and the old ones go on."""
    service.stop()
    copy_programs(service)
    service.start()
    service.wait_to_hear("READY=1")
    before = service.supervisor
    replace_program(service, "berth-launcher", "#!/bin/sh\nexit 1\n")
    done = service.run("reload", check=False)
    assert done.returncode != 0 and "does not take over" in done.stderr, done
    assert service.supervisor == before and service.run("status").returncode == 0
    assert not any("RELOADING=1" in message for message in service.hear())


def test_supervisor_that_hangs(service):
    service.deploy(COUNT)
    run = service.trigger("count")
    service.wait(run, "EXECUTING")
    hung = service.supervisor
    os.kill(hung, signal.SIGSTOP)
    wait_until(lambda: service.supervisor not in (None, hung), "the next supervisor")
    service.wait_to_hear("WATCHDOG=1")
    assert "does not answer" in service.words(), service.words()
    found = service.wait(run)
    assert found["status"] == "COMPLETED" and found["attemptCount"] == 1, found
    assert len(service.lines(run)) == 30


def test_start_that_takes_long(service):
    """One that does not listen yet, because the store is large, is given its time."""
    service.stop()
    copy_programs(service)
    os.chmod(service.directory, 0o755)
    real = os.path.join(os.path.dirname(BERTH), "berth-supervisor")
    replace_program(service, "berth-supervisor", "#!/bin/bash\nkill -STOP $$\n"
                    f'exec -a berth-supervisor "{real}" "$@"\n')
    service.hear()
    service.process = service.spawn()
    slow = None
    for _ in ("the first", "the next"):
        before = slow
        slow = wait_until(lambda: next((pid for pid in children_of(service.process.pid)
                                        if pid != before), None), "a supervisor")
        heard = []
        for _ in range(4):  # twice the time in which one that listens would have been replaced
            heard += service.wait_to_hear("WATCHDOG=1")
        assert not any("READY=1" in message for message in heard), heard
        os.kill(slow, signal.SIGCONT)
        service.wait_to_hear("READY=1")
        assert service.supervisor == slow, service.words()
        os.kill(slow, signal.SIGKILL)


def test_other_user(service):
    """The supervisor is who the policy says: with its group it shares the directory of root."""
    service.stop()
    policy = os.path.join(service.directory, "policy")
    with open(policy, "w", encoding="ascii") as file:
        file.write("user nobody\n")
    shutil.rmtree(service.state)
    os.chmod(service.directory, 0o711)
    nobody = pwd.getpwnam("nobody")
    for _ in ("made", "found"):
        service.start("--policy", policy)
        assert os.stat(f"/proc/{service.supervisor}").st_uid == nobody.pw_uid
        facts = os.stat(service.state)
        assert (facts.st_uid, facts.st_gid) == (0, nobody.pw_gid), facts
        assert facts.st_mode & 0o7777 == 0o1770, oct(facts.st_mode)
        service.deploy(shell("hello", "berth-task checkpoint save n 1; berth-task output 1"))
        assert service.finish("hello")["status"] == "COMPLETED"
        service.stop()


def test_doctor(service):
    """Of a daemon that serves, with what it says of itself."""
    found = {one["name"]: one for one in json.loads(
        service.run("doctor", "--json", check=False).stdout)["findings"]}
    for name in ("daemon_socket", "daemon_version", "daemon_state", "daemon_cgroup"):
        assert found[name]["state"] == "ok", found[name]
    assert service.state in found["daemon_state"]["detail"], found
    os.chmod(service.state, 0o755)
    done = service.run("doctor", check=False)
    assert done.returncode == 1 and "NO   daemon_state" in done.stdout, done
    assert "remedy:     make room" in done.stdout, done


def switches_of(pid):
    """How often its threads have slept and been woken."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/status"):
        with open(path, encoding="ascii") as file:
            total += sum(int(line.split()[1]) for line in file
                         if line.startswith("voluntary_ctxt_switches"))
    return total


def test_idle(service):
    """Nothing wakes but for the watchdog: once each for the launcher and for the supervisor."""
    service.wait_to_hear("READY=1")
    time.sleep(2 * WATCHDOG_S)  # what follows a start
    service.hear()
    pids = (service.process.pid, service.supervisor)
    before = [switches_of(pid) for pid in pids]
    time.sleep(3 * WATCHDOG_S)
    ticks = sum("WATCHDOG=1" in message for message in service.hear())
    woken = [switches_of(pid) - start for pid, start in zip(pids, before)]
    assert ticks >= 3, ticks
    # of the launcher two a tick: the timer, and the supervisor's answer
    assert woken[0] <= 2 * ticks + 2 and woken[1] <= ticks + 2, (woken, ticks)


def test_stop(service):
    service.deploy(shell("short", "sleep 1; berth-task output 1"))
    run = service.trigger("short")
    service.wait(run, "EXECUTING")
    service.stop()
    service.wait_to_hear("STOPPING=1")
    assert service.left_over() == [], service.left_over()
    assert os.path.exists(service.socket), "the socket is systemd's"
    service.start()
    assert service.wait(run)["attemptCount"] == 1


def test_wrong_sockets(service):
    service.stop()
    for more, sockets, says in ((("--socket", "/tmp/none"), "1", "from systemd already"),
                                ((), "2", "one is needed")):
        service.process = service.spawn(*more, sockets=sockets)
        assert service.process.wait(timeout=60) == 1, sockets
        assert says in service.words(), service.words()


def test_start_that_cannot_be(service):
    """What is wrong is said once, and the end is a failure: whoever started it is to know."""
    service.stop()
    config = os.path.join(service.directory, "wrong.json")
    with open(config, "w", encoding="ascii") as file:
        file.write('{"concurrencyx": 1}')
    os.chmod(service.directory, 0o755)
    service.process = service.spawn("--config", config)
    assert service.process.wait(timeout=60) == 1, service.words()
    assert service.words().count("concurrencyx: unknown") == 1, service.words()


if __name__ == "__main__":
    sys.exit(run_cases(globals(), Service))
