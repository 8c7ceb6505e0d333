#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What dies under living runs: the supervisor, which none of them may notice, and the launcher,
after which each goes on from its last checkpoint. Every function named test_… is a case."""
import os
import signal
import sys

from crash_daemon import CrashDaemon  # first: it knows where the others are
from daemon import wait_until
from invariants import check_left_over, check_runs
from suite import run_cases

RUNS = 50


def begin_many(daemon, *steps, **fields):
    """Living runs: each has said something."""
    runs = [daemon.begin(*steps, **fields) for _ in range(RUNS)]
    wait_until(lambda: all(daemon.ledger.attempts(run) for run in runs), "all to start")
    return runs


def finish(daemon, runs, may_be=("COMPLETED",)):
    """Waits for their end and checks all that must hold; the runs as they are told."""
    told = [daemon.wait(run) for run in runs]
    problems = check_runs(daemon.client, daemon.ledger, runs, may_be)
    daemon.client.close()
    daemon.stop()
    problems += check_left_over(daemon)
    assert not problems, "\n".join(problems[:20])
    return told


def check_unaffected(daemon, runs):
    for run in finish(daemon, runs):
        assert run["attemptCount"] == 1, run
        noted = daemon.ledger.attempts(run["id"])
        assert list(noted) == [1] and len(noted[1].pids) == 1, noted
        assert noted[1].words("end") == [["60", "60"]], noted[1].notes


def said(daemon, run):
    return len(daemon.client.insist("run_logs", run=run)["records"])


def test_supervisor_dies_under_50_runs(daemon):
    daemon.deploy_task()
    runs = begin_many(daemon, "tick:60")
    before = [said(daemon, run) for run in runs]
    daemon.kill_supervisor()
    alive = [daemon.client.insist("run_get", run=run)["status"] for run in runs]
    assert alive == ["EXECUTING"] * RUNS, alive
    # what they said before and what they say after are two different things
    wait_until(lambda: all(said(daemon, run) > count for run, count in zip(runs, before)),
               "all to go on")
    check_unaffected(daemon, runs)


def test_supervisor_dies_again_and_again(daemon):
    """The second one before it has taken over, the third one when it has just done so."""
    daemon.deploy_task()
    runs = begin_many(daemon, "tick:60")
    for _ in range(2):
        daemon.kill_supervisor()
    daemon.wait_for_answer()
    daemon.kill_supervisor()
    check_unaffected(daemon, runs)


def test_launcher_dies_under_50_runs(daemon):
    """All go on from their last checkpoint, and the one attempt that they may have is not used."""
    daemon.deploy_task({"retry": {"maxAttempts": 1}})
    runs = begin_many(daemon, "lines:2", "save", "lines:2", "save", "tick:40", "lines:1", "output:3")
    wait_until(lambda: all(len(daemon.ledger.attempts(run)[1].words("saved")) == 2 for run in runs),
               "all to save")
    daemon.kill()
    daemon.start()
    for run in finish(daemon, runs):
        attempts = daemon.ledger.attempts(run["id"])
        assert [attempt["outcome"] for attempt in run["attempts"]] == ["interrupted", "completed"], run
        assert run["output"] == 3 and attempts[2].words("restored") == [["4"]], attempts[2].notes
        assert attempts[2].words("end") == [["41", "41"]], attempts[2].notes


def test_supervisor_and_launcher_die_at_once(daemon):
    daemon.deploy_task()
    runs = begin_many(daemon, "lines:2", "save", "tick:60")
    wait_until(lambda: all(daemon.ledger.attempts(run)[1].words("saved") for run in runs),
               "all to save")
    os.kill(daemon.supervisor, signal.SIGKILL)
    daemon.kill()
    daemon.start()
    for run in finish(daemon, runs):
        assert daemon.ledger.attempts(run["id"])[2].words("restored") == [["2"]], run


def test_third_interruption_is_the_last(daemon):
    daemon.deploy_task({"retry": {"maxAttempts": 1}})
    run = daemon.begin("save", "tick:1000")
    for count in (1, 2, 3):
        wait_until(lambda count=count: daemon.ledger.attempts(run).get(count), f"attempt {count}")
        daemon.kill()
        daemon.start()
    told, = finish(daemon, [run])
    assert told["status"] == "SYSTEM_FAILURE", told
    assert [attempt["outcome"] for attempt in told["attempts"]] == ["interrupted"] * 3, told
    assert list(daemon.ledger.attempts(run)) == [1, 2, 3]


def test_task_that_does_not_want_to_go_on(daemon):
    daemon.deploy_task({"interrupted": "fail", "retry": {"maxAttempts": 5}})
    run = daemon.begin("tick:1000")
    wait_until(lambda: daemon.ledger.attempts(run), "the attempt")
    daemon.kill()
    daemon.start()
    told = daemon.wait(run)
    assert told["status"] == "SYSTEM_FAILURE" and told["attemptCount"] == 1, told
    assert list(daemon.ledger.attempts(run)) == [1]


if __name__ == "__main__":
    sys.exit(run_cases(globals(), lambda: CrashDaemon({"concurrency": 100})))
