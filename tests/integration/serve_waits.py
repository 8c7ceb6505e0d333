#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Waits and subtasks of shell tasks under `berth serve`: answered, frozen, and kept through the death
of the supervisor, of the launcher, and a reload. Every function named test_… is a case."""
import glob
import json
import os
import sys
import time

from daemon import processes_of, shell, wait_until
from suite import run_cases

CHILD = shell("child", "berth-task output \"$(berth-task payload)\"")
PARENT = shell("parent", "berth-task output \"$(berth-task trigger-and-wait child "
               "--payload \"$(berth-task payload)\")\"")
NAP = shell("nap", "berth-task wait --for \"$(berth-task payload for)\" > /dev/null; echo awake; "
            "berth-task output 1")
ASK = shell("ask", "t=$(berth-task token create --timeout 5m); "
            "berth-task metadata token=\"$t\"; berth-task wait --token \"$t\" --name answer > /tmp/a; "
            "berth-task output @/tmp/a")


def token_of(daemon, run):
    def read():
        return (daemon.show(run)["metadata"] or {}).get("token")
    return wait_until(read, "the token")


def is_frozen(pid):
    """By the freezer of cgroup v1, or stopped one by one."""
    with open(f"/proc/{pid}/cgroup", encoding="utf-8") as file:
        for line in file:
            _, controllers, path = line.rstrip("\n").split(":", 2)
            if controllers == "freezer":
                for found in glob.glob(f"/sys/fs/cgroup/freezer{path}/freezer.state"):
                    with open(found, encoding="utf-8") as state:
                        return state.read().strip() == "FROZEN"
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return file.read().rsplit(")", 1)[1].split()[0] == "T"


def wait_frozen(daemon):
    wait_until(lambda: (found := processes_of(daemon)) and all(map(is_frozen, found)), "the freeze")


def test_trigger_and_wait(daemon):
    daemon.deploy(CHILD, PARENT)
    run = daemon.finish("parent", payload={"a": [1, 2]})
    assert run["status"] == "COMPLETED" and run["output"] == {"a": [1, 2]}, run
    assert run["children"], run


def test_parent_cannot_block_its_child(daemon):
    """Both in one queue of one place, and as many parents as there are places in all."""
    queue = {"name": "shared", "concurrencyLimit": 1}
    daemon.deploy({**CHILD, "queue": queue}, {**PARENT, "queue": queue})
    runs = [daemon.trigger("parent", payload=n) for n in range(4)]
    assert [daemon.wait(run)["output"] for run in runs] == [0, 1, 2, 3]


def test_child_that_fails(daemon):
    daemon.deploy(shell("bad", "exit 3"),
                  shell("parent", "berth-task trigger-and-wait bad && exit 9; berth-task output 5"))
    assert daemon.finish("parent")["output"] == 5


def test_batch_and_wait(daemon):
    items = json.dumps([{"task": "child", "payload": n} for n in range(10)])
    daemon.deploy(CHILD, shell("parent", f"berth-task batch --and-wait '{items}' > /tmp/r; "
                               "berth-task output @/tmp/r"))
    output = daemon.finish("parent")["output"]
    assert [item["output"] for item in output] == list(range(10)), output


def test_short_wait_is_answered(daemon):
    daemon.deploy(NAP)
    run = daemon.finish("nap", payload={"for": "300ms"})
    assert run["status"] == "COMPLETED" and 300 <= run["durationMs"] < 5000, run


def test_token(daemon):
    daemon.deploy(ASK)
    run = daemon.trigger("ask")
    token = token_of(daemon, run)
    daemon.wait(run, "WAITING")
    daemon.run("tokens", "complete", token, "--output", '{"yes":true}')
    output = daemon.wait(run)["output"]
    assert output[0]["ok"] and output[0]["output"] == {"yes": True}, output


def test_token_times_out(daemon):
    daemon.deploy(shell("ask", "t=$(berth-task token create --timeout 300ms); "
                        "berth-task wait --token \"$t\" > /tmp/a; berth-task output @/tmp/a"))
    output = daemon.finish("ask")["output"]
    assert output[0]["state"] == "TIMED_OUT" and not output[0]["ok"], output


def test_frozen_run_is_thawed(daemon):
    daemon.deploy(NAP)
    run = daemon.trigger("nap", payload={"for": "6s"})
    wait_frozen(daemon)
    found = daemon.wait(run)
    assert found["status"] == "COMPLETED" and found["durationMs"] < 9000, found


def test_run_at_work_is_not_frozen(daemon):
    """One process of it waits, another does not."""
    daemon.deploy(shell("both", "berth-task wait --for 8s > /dev/null & "
                        "end=$(($(date +%s) + 7)); n=0; while [ $(date +%s) -lt $end ]; do "
                        "n=$((n+1)); done; date +%s%N; wait; berth-task output $n",
                        machine="small-2x"))
    run = daemon.trigger("both")
    daemon.wait(run, "WAITING")
    end = time.monotonic() + 6.5
    while time.monotonic() < end:
        assert not any(map(is_frozen, processes_of(daemon)))
        time.sleep(0.1)
    assert daemon.wait(run)["status"] == "COMPLETED"


def test_frozen_run_is_cancelled(daemon):
    daemon.deploy(NAP)
    run = daemon.trigger("nap", payload={"for": "1h"})
    wait_frozen(daemon)
    started = time.monotonic()
    daemon.run("runs", "cancel", run)
    assert daemon.wait(run)["status"] == "CANCELED"
    assert time.monotonic() - started < 10
    wait_until(lambda: not processes_of(daemon), "its processes to go")


def test_wait_outlives_the_supervisor(daemon):
    daemon.deploy(ASK, NAP)
    asking, napping = daemon.trigger("ask"), daemon.trigger("nap", payload={"for": "7s"})
    token = token_of(daemon, asking)
    daemon.wait(asking, "WAITING")
    daemon.kill_supervisor()
    daemon.wait_for_answer()
    wait_frozen(daemon)
    daemon.kill_supervisor()
    daemon.wait_for_answer()
    daemon.run("tokens", "complete", token, "--output", "7")
    for run in (asking, napping):
        found = daemon.wait(run)
        assert found["status"] == "COMPLETED" and found["attemptCount"] == 1, found


def test_wait_outlives_a_reload(daemon):
    daemon.deploy(ASK)
    run = daemon.trigger("ask")
    token = token_of(daemon, run)
    wait_frozen(daemon)
    before = daemon.supervisor
    daemon.run("reload")
    wait_until(lambda: daemon.supervisor not in (None, before), "another supervisor")
    daemon.run("tokens", "complete", token, "--output", "8")
    found = daemon.wait(run)
    assert found["output"][0]["output"] == 8 and found["attemptCount"] == 1, found


def test_wait_begins_again_after_the_launcher(daemon):
    """The attempt is lost, the token is not."""
    daemon.deploy(shell("ask", "t=$(berth-task checkpoint load t) || "
                        "{ t=$(berth-task token create); berth-task checkpoint save t \"\\\"$t\\\"\"; }; "
                        "t=$(echo $t | tr -d '\"'); berth-task metadata token=\"$t\"; "
                        "berth-task wait --token \"$t\" > /tmp/a; berth-task output @/tmp/a"))
    run = daemon.trigger("ask")
    token = token_of(daemon, run)
    daemon.wait(run, "WAITING")
    daemon.kill()
    daemon.start()
    daemon.wait(run, "WAITING")
    daemon.run("tokens", "complete", token, "--output", "9")
    found = daemon.wait(run)
    assert found["output"][0]["output"] == 9 and found["interruptions"] == 1, found


if __name__ == "__main__":
    sys.exit(run_cases(globals()))
