#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Files of the host that a run of `berth serve` is given: what the operator allows, what is refused
and in which words, whose the files are, and that they last as long as the run. Every function
named test_… is a case."""
import json
import os
import shutil
import sys
import time

from daemon import BERTH, raw, shell, wait_until
from suite import run_cases

OWNER = 12345  # of the operator's places; no user of this host
COPY = shell("copy", "for f in /input/*; do [ -e \"$f\" ] && cp \"$f\" /output; done; "
             "echo \"$(ls /input 2>&1)\" >/output/list; berth-task output true",
             retry={"maxAttempts": 3, "minTimeoutInMs": 50, "maxTimeoutInMs": 100})


def allow(daemon, *lines):
    """The daemon again, with these lines of launcher.conf."""
    daemon.stop()
    daemon.policy = ["allow-mount defaults", *lines]
    daemon.start()


def place(daemon, name, mode=0o755):
    path = os.path.join(daemon.directory, name)
    os.mkdir(path)
    os.chown(path, OWNER, OWNER)
    os.chmod(path, mode)
    return path


def write(path, text="text\n", mode=0o644):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chown(path, OWNER, OWNER)
    os.chmod(path, mode)
    return path


def read(*parts):
    with open(os.path.join(*parts), encoding="utf-8") as file:
        return file.read()


def expect_refused(daemon, says, *words):
    """The run ends at its first attempt, and says why."""
    run = daemon.finish(*words)
    attempts = run["attempts"]
    assert run["status"] == "SYSTEM_FAILURE" and len(attempts) == 1, run
    for text in says:
        assert text in attempts[0]["message"] and text in run["error"]["message"], run
    return run


def test_given_and_kept(daemon):
    """The names, the bytes, whose they are; what is shown; what a replay has."""
    inputs, outputs = place(daemon, "in"), place(daemon, "out")
    deep = place(daemon, "in/deep")
    allow(daemon, f"allow-mount {inputs}", f"allow-mount {outputs} rw")
    first, second = write(os.path.join(inputs, "a b.txt"), "1"), write(deep + "/a b.txt", "2")
    daemon.deploy(COPY)
    # relative, as people write them
    done = daemon.run("trigger", "copy", "--input", "in/a b.txt", "--input", "in/deep/../deep/a b.txt",
                      "--output", "out", cwd=daemon.directory)
    run = daemon.wait(done.stdout.strip())
    assert run["status"] == "COMPLETED", run
    assert run["inputs"] == [first, second] and run["outputDirectory"] == outputs, run
    assert sorted(os.listdir(outputs)) == ["2-a b.txt", "a b.txt", "list"], os.listdir(outputs)
    assert (read(outputs, "a b.txt"), read(outputs, "2-a b.txt")) == ("1", "2")
    for name in os.listdir(outputs):
        facts = os.stat(os.path.join(outputs, name))
        assert (facts.st_uid, facts.st_gid) == (OWNER, OWNER), facts
    card = daemon.run("runs", "show", run["id"]).stdout
    assert first in card and outputs in card, card
    # the disk behind it is the host's
    assert "/output" in run["attempts"][0]["protections"]["disk_limit"], run
    other = place(daemon, "out/other")
    again = daemon.wait(daemon.ask("runs", "replay", run["id"])["id"])
    assert (again["inputs"], again["outputDirectory"]) == ([first, second], outputs), again
    again = daemon.wait(daemon.ask("runs", "replay", run["id"], "--input", second, "--output",
                                   other)["id"])
    assert (again["inputs"], again["outputDirectory"]) == ([second], other), again
    assert read(other, "a b.txt") == "2"


def test_read_only(daemon):
    """An input cannot be changed, by its owner neither; an output is no way out of its place."""
    both = place(daemon, "both")
    allow(daemon, f"allow-mount {both} rw")
    path = write(os.path.join(both, "x"), "before", 0o600)
    out = place(daemon, "both/out")
    daemon.deploy(shell("spoil", "cat /input/x >/output/copy; echo no >>/input/x; rm -f /input/x; "
                        "chmod 777 /input/x; ln -s ../x /output/link; cat /output/link; "
                        "chmod u+s /output/copy; ls -ln /output/../ >/dev/null; true"))
    run = daemon.finish("spoil", "--input", path, "--output", out)
    assert run["status"] == "COMPLETED", run
    assert read(path) == "before" and os.stat(path).st_mode & 0o777 == 0o600
    assert read(out, "copy") == "before" and os.stat(out + "/copy").st_mode & 0o6000 == 0
    said = "\n".join(daemon.lines(run["id"]))
    assert "Read-only" in said and "before" not in said, said


def test_nothing_is_allowed(daemon):
    """Without a line of the operator, no file; the words name path, key and remedy."""
    inputs = place(daemon, "in")
    path = write(os.path.join(inputs, "x"))
    daemon.deploy(COPY)
    expect_refused(daemon, (path, "launcher.conf: allow-mount defaults, allow-mount DIR)"),
                   "copy", "--input", path)
    expect_refused(daemon, (inputs, "allow-mount DIR rw)"), "copy", "--output", inputs)
    expect_refused(daemon, ("/etc/shadow", "allow-mount DIR)"), "copy", "--input", "/etc/shadow")
    allow(daemon, f"allow-mount {inputs}")
    daemon.deploy(COPY)
    expect_refused(daemon, (inputs, "may not be written", f"allow-mount {inputs} rw"), "copy",
                   "--output", inputs)
    expect_refused(daemon, (daemon.state, "launcher.conf: allow-mount DIR"), "copy", "--input",
                   os.path.join(daemon.state, "berth.db"))


def test_allowed_while_it_runs(daemon):
    """The remedy, and a reload."""
    both = place(daemon, "both")
    path = write(os.path.join(both, "x"))
    allow(daemon)
    daemon.deploy(COPY)
    expect_refused(daemon, (path, "(launcher.conf: allow-mount DIR)"), "copy", "--input", path)
    with open(os.path.join(daemon.directory, "launcher.conf"), "a", encoding="utf-8") as file:
        file.write(f"allow-mount {both} rw\n")
    before = daemon.supervisor
    daemon.run("reload")
    wait_until(lambda: daemon.supervisor not in (None, before), "another supervisor")
    run = daemon.finish("copy", "--input", path, "--output", both)
    assert run["status"] == "COMPLETED", run


def test_what_only_its_owner_may_read(daemon):
    """root's files are nobody's; others' only where the place is writable."""
    closed, opened = place(daemon, "closed"), place(daemon, "opened")
    roots = os.path.join(opened, "roots")
    daemon.stop()
    shutil.rmtree(daemon.state)
    os.chmod(daemon.directory, 0o755)  # its settings are read by nobody
    daemon.policy = ["allow-mount defaults", "user nobody", f"allow-mount {closed}",
                     f"allow-mount {opened} rw"]
    daemon.start()
    daemon.deploy(COPY)
    secret = write(os.path.join(closed, "secret"), "s", 0o600)
    expect_refused(daemon, (secret, f"uid {OWNER}", "chmod o+r", f"allow-mount {closed} rw"),
                   "copy", "--input", secret)
    with open(roots, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
    expect_refused(daemon, (roots, "belongs to root", "chmod o+r"), "copy", "--input", roots)
    out = os.path.join(opened, "out")
    os.mkdir(out)
    expect_refused(daemon, (out, "belongs to root", "chown"), "copy", "--output", out)
    os.chown(out, OWNER, OWNER)
    os.chmod(roots, 0o644)
    mine = write(os.path.join(opened, "mine"), "m", 0o600)
    run = daemon.finish("copy", "--input", mine, "--input", roots, "--output", out)
    assert run["status"] == "COMPLETED" and read(out, "mine") == "m", run
    # a directory that its owner alone may look into: the supervisor never does
    os.chmod(opened, 0o700)
    run = daemon.finish("copy", "--input", mine, "--output", out)
    assert run["status"] == "COMPLETED", run


def test_links(daemon):
    """What a link leads to is looked for beneath the place, whoever made it."""
    both = place(daemon, "both")
    allow(daemon, f"allow-mount {both} rw")
    daemon.deploy(COPY)
    secret = write(os.path.join(daemon.directory, "secret"))
    out = place(daemon, "both/out")
    ask = {"op": "trigger", "id": 2, "task": "copy"}
    hello = '{"op":"hello","id":1,"protocol":1}'
    for name, target in (("up", "../secret"), ("far", secret), ("proc", "/proc/self/root"),
                         ("etc", "/etc")):
        link = os.path.join(both, name)
        os.symlink(target, link)
        tail = link + "/shadow" if name == "etc" else link
        for fields in ({"inputs": [tail]}, {"outputDirectory": tail}):
            answers = raw(daemon.socket, hello, json.dumps({**ask, **fields}), lines=2)
            run = daemon.wait(json.loads(answers[1])["result"]["id"])
            assert run["status"] == "SYSTEM_FAILURE" and len(run["attempts"]) == 1, run
            assert "a link leads out of" in run["attempts"][0]["message"], run
    # no directory
    answers = raw(daemon.socket, hello, json.dumps(
        {**ask, "outputDirectory": write(os.path.join(both, "file"))}), lines=2)
    run = daemon.wait(json.loads(answers[1])["result"]["id"])
    assert "Not a directory" in run["attempts"][0]["message"], run
    # a client follows links itself, and names what it found
    os.symlink("out", os.path.join(both, "good"))
    run = daemon.finish("copy", "--output", os.path.join(both, "good"))
    assert run["status"] == "COMPLETED" and run["outputDirectory"] == out, run


def test_bad_requests(daemon):
    daemon.deploy(COPY)
    hello = '{"op":"hello","id":1,"protocol":1}'
    for fields, says in (
            ({"inputs": ["relative"]}, "not an absolute path"),
            ({"inputs": ["/a/../etc/shadow"]}, "not an absolute path"),
            ({"inputs": ["/a//b"]}, "not an absolute path"),
            ({"inputs": ["/a/"]}, "not an absolute path"),
            ({"inputs": ["/"]}, "not an absolute path"),
            ({"inputs": [""]}, "not an absolute path"),
            ({"inputs": ["/a\0b"]}, ""),
            ({"inputs": [7]}, "is no text"),
            ({"inputs": "/a"}, "not an array"),
            ({"inputs": ["/" + "a" * 4095]}, "4096 bytes"),
            ({"inputs": ["/a"] * 129}, "at most 128"),
            ({"outputDirectory": "here"}, "not an absolute path"),
            ({"outputDirectory": "/a/."}, "not an absolute path"),
            ({"outputDirectory": ["/a"]}, "outputDirectory")):
        answer = raw(daemon.socket, hello, json.dumps(
            {"op": "trigger", "id": 2, "task": "copy", **fields}), lines=2)[1]
        answer = json.loads(answer)
        assert answer["ok"] is False and says in answer["error"]["message"], (fields, answer)
    for words, says in (
            (("--input", "/no/such/file"), "--input: read /no/such/file"),
            (("--output", "/no/such/place"), "--output: make /no/such/place"),
            (("--output", "/etc/passwd"), "not a directory")):
        done = daemon.run("trigger", "copy", *words, check=False)
        assert done.returncode == 2 and says in done.stderr, done
    items = [{"task": "copy", "inputs": ["/no/such/file"]}]
    done = daemon.run("batch", "-", stdin=json.dumps(items), check=False)
    assert done.returncode == 2 and "item 0: inputs" in done.stderr, done
    assert daemon.ask("runs", "list")["data"] == []


def test_children_are_given_none(daemon):
    """What a task may start is not for it to furnish with the host's files."""
    inputs = place(daemon, "in")
    allow(daemon, f"allow-mount {inputs} rw")
    path = write(os.path.join(inputs, "x"))
    daemon.deploy(COPY, shell("parent", "cat /input/x >/dev/null || exit 9; "
                              "berth-task trigger-and-wait child --payload 1", retry={"maxAttempts": 1}),
                  shell("child", "[ ! -e /input ] && [ ! -e /output ] && berth-task output 1"))
    run = daemon.finish("parent", "--input", path)
    child = daemon.show(run["children"][0])
    assert child["inputs"] == [] and child["outputDirectory"] is None, child
    assert child["status"] == "COMPLETED", child


def test_batch(daemon):
    both = place(daemon, "both")
    allow(daemon, f"allow-mount {both} rw")
    daemon.deploy(COPY)
    items = []
    for n in range(5):
        write(os.path.join(both, f"in{n}"), str(n))
        items.append({"task": "copy", "inputs": [f"both/in{n}"], "outputDirectory": f"both/out{n}"})
        os.chown(place(daemon, f"both/out{n}"), OWNER, OWNER)
    daemon.run("batch", "-", stdin=json.dumps(items), cwd=daemon.directory)
    for run in daemon.ask("runs", "list")["data"]:
        assert daemon.wait(run["id"])["status"] == "COMPLETED", daemon.show(run["id"])
    assert [read(both, f"out{n}", f"in{n}") for n in range(5)] == list("01234")


def test_it_vanishes(daemon):
    """Gone when the attempt begins: the end, which names it."""
    inputs = place(daemon, "in")
    allow(daemon, f"allow-mount {inputs}")
    daemon.deploy(COPY)
    path = write(os.path.join(inputs, "x"))
    run = daemon.trigger("copy", "--input", path, "--delay", "1s")
    os.unlink(path)
    run = daemon.wait(run)
    assert run["status"] == "SYSTEM_FAILURE" and len(run["attempts"]) == 1, run
    assert path in run["error"]["message"] and "No such file" in run["error"]["message"], run


def test_rootless(daemon):
    """Somebody's own daemon: with its own files, and under its own policy."""
    daemon.stop()
    shutil.rmtree(daemon.state)
    for name in ("berth", "berth-launcher", "berth-supervisor", "berth-task"):
        # the build may be where only root may go
        shutil.copy(os.path.join(os.path.dirname(BERTH), name), daemon.directory)
    os.chmod(daemon.directory, 0o755)
    home, out = place(daemon, "home"), place(daemon, "out")
    daemon.program = os.path.join(daemon.directory, "berth")
    daemon.prefix = ["setpriv", f"--reuid={OWNER}", f"--regid={OWNER}", "--clear-groups", "env",
                     f"HOME={home}", f"XDG_RUNTIME_DIR={home}"]
    daemon.state, daemon.socket = os.path.join(home, "state"), os.path.join(home, "sock")
    daemon.policy = ["allow-mount defaults", f"allow-mount {home} rw"]
    path, secret = write(home + "/x", "mine", 0o600), write(out + "/y", "mine, too", 0o600)
    daemon.start()
    daemon.deploy(COPY)
    inside = place(daemon, "home/out")
    run = daemon.finish("copy", "--input", path, "--output", inside)
    assert run["status"] == "COMPLETED" and read(inside, "x") == "mine", run
    assert os.stat(inside + "/x").st_uid == OWNER, os.stat(inside + "/x")
    expect_refused(daemon, (secret, "allow-mount DIR"), "copy", "--input", secret)
    expect_refused(daemon, (out, "allow-mount DIR rw"), "copy", "--output", out)


STEPS = ("n=$(berth-task checkpoint load n || echo 0); [ $n = 0 ] && cp /input/x /output/x; "
         "cmp /input/x /output/x || exit 9; while [ $n -lt 25 ]; do n=$((n+1)); "
         "echo $n >>/output/steps; berth-task checkpoint save n $n; sleep 0.1; done; "
         "[ $BERTH_ATTEMPT -gt $(berth-task payload fail) ] || exit 1; "
         "berth-task output $n")


def test_deaths_and_reload(daemon):
    """Retries, a supervisor's and a launcher's death and a reload: it is given the same each time."""
    both = place(daemon, "both")
    out = place(daemon, "both/out")
    allow(daemon, f"allow-mount {both} rw")
    path = write(os.path.join(both, "x"), "the input", 0o600)
    daemon.deploy(shell("steps", STEPS,
                        retry={"maxAttempts": 3, "minTimeoutInMs": 50, "maxTimeoutInMs": 100}))
    run = daemon.trigger("steps", "--input", path, "--output", out, payload={"fail": 2})
    daemon.wait(run, "EXECUTING")
    time.sleep(0.4)
    daemon.kill_supervisor()
    daemon.wait_for_answer()
    before = daemon.supervisor
    daemon.run("reload")
    daemon.wait_for_answer()
    assert daemon.supervisor != before
    time.sleep(0.4)
    daemon.kill()
    daemon.start()
    run = daemon.wait(run)
    assert run["status"] == "COMPLETED" and run["interruptions"] == 1, run
    assert run["attemptCount"] == 3 and read(out, "x") == "the input", run
    assert (run["inputs"], run["outputDirectory"]) == ([path], out), run
    steps = read(out, "steps").split()
    assert steps[-1] == "25" and len(steps) <= 27, steps
    daemon.stop()
    assert daemon.left_over() == [], daemon.left_over()


if __name__ == "__main__":
    sys.exit(run_cases(globals()))
