#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kills the supervisor, the launcher or both at random under a load of everything a run can do, and
checks after each restart and at the end that nothing is lost and nothing was done twice
(invariants.py). Usage: harness.py [KILLS [SEED]]"""
import collections
import json
import os
import random
import signal
import sys
import threading
import time

from crash_daemon import CrashDaemon  # first: it knows where the others are
from daemon import FINAL, PATIENCE_S, wait_until
from mortal_client import GONE, Client, Refused
from invariants import Finals, check_left_over, check_present, check_runs

RATE = 60  # triggers a second: what a death let it miss is made up for
QUEUED_MAX = 600  # ten seconds of that: a host that is busy with other things is given less
KEYS = 40
LOOKED_AT = 50  # runs at each restart
DONE, EITHER = ("COMPLETED",), ("COMPLETED", "CANCELED")

# share, steps, fields of the trigger
KINDS = {
    "quick": (56, ["lines:2"], {}),
    "saves": (6, ["save", "lines:1", "sleep:30", "save", "lines:3"], {}),
    "retry": (6, ["lines:1", "retry", "lines:1"], {}),
    "parent": (4, ["lines:1", "child:crash", "lines:1"], {}),
    "batch": (3, ["batch:crash", "lines:1"], {}),
    "fire": (3, ["trigger:crash"], {}),
    "token": (5, ["token", "lines:1"], {}),
    "doze": (3, ["lines:1", "nap:300", "lines:1"], {}),
    "sleep": (1, ["lines:1", "nap:6000", "lines:1"], {}),
    "later": (4, ["lines:1"], {"delay": "2s"}),
    "lane": (3, ["lines:1"], {"concurrencyKey": "lane"}),
    "keyed": (4, ["lines:1"], {}),
    "cancel": (2, ["lines:1", "sleep:4000"], {}),
}


class Load(threading.Thread):
    """Triggers at a rate. What was acknowledged is kept; what was not may or may not be there."""

    def __init__(self, daemon, seed):
        super().__init__(daemon=True)
        self.client, self.random = Client(daemon.socket), random.Random(seed)
        self.acknowledged = collections.OrderedDict()  # run: how it may end
        self.kinds, self.keys = collections.Counter(), {}
        self.tokens, self.cancels = collections.deque(), collections.deque()
        self.is_over, self.failure, self.seconds = False, None, 0

    def trigger(self):
        kind = self.random.choices(list(KINDS), [share for share, _, _ in KINDS.values()])[0]
        _, steps, fields = KINDS[kind]
        key = f"key-{self.random.randrange(KEYS)}" if kind == "keyed" else None
        more = {"idempotencyKey": key} if key else {}
        run = self.client.call("trigger", task="crash", payload=json.dumps({"steps": steps}),
                               tags=[kind], **fields, **more)["id"]
        self.kinds[kind] += 1
        self.acknowledged[run] = EITHER if kind == "cancel" else DONE
        if key:
            self.keys.setdefault(key, []).append(run)
        if kind == "token":
            self.tokens.append(run)
        if kind == "cancel":
            self.cancels.append((time.monotonic() + self.random.uniform(0, 0.5), run))

    def is_behind(self):
        return self.client.call("queue_get", queue="task/crash")["queued"] > QUEUED_MAX

    def run(self):
        begun = due = time.monotonic()
        while not self.is_over:
            try:
                if len(self.acknowledged) % RATE == RATE - 1 and self.is_behind():
                    due = time.monotonic() + 1
                    time.sleep(1)
                    continue
                self.trigger()
            except GONE:  # killed under our feet: not acknowledged
                time.sleep(0.01)
                continue
            except Refused as refused:
                self.failure = f"a trigger was refused: {refused}"
                return
            due += 1 / RATE
            time.sleep(max(0, due - time.monotonic()))
        self.seconds = time.monotonic() - begun


class Outside(threading.Thread):
    """The others: completes tokens and cancels runs, until it is told that it was done."""

    def __init__(self, daemon, load):
        super().__init__(daemon=True)
        self.client, self.ledger, self.load = Client(daemon.socket), daemon.ledger, load
        self.is_over, self.failure = False, None
        self.completed = self.cancelled = 0

    def complete_one(self):
        run = self.load.tokens.popleft()
        tokens = self.ledger.tokens(run)
        if not tokens:  # not yet
            self.load.tokens.append(run)
            return
        self.client.insist("token_complete", token=tokens[0], output={"by": "outside"})
        self.completed += 1

    def cancel_one(self):
        when, run = self.load.cancels.popleft()
        if when > time.monotonic():
            self.load.cancels.append((when, run))
            return
        self.client.insist("run_cancel", run=run)
        self.cancelled += 1

    def run(self):
        try:
            while not self.is_over:
                for queue, handle in ((self.load.tokens, self.complete_one),
                                      (self.load.cancels, self.cancel_one)):
                    for _ in range(len(queue)):
                        handle()
                time.sleep(0.02)
        except (Refused, *GONE) as error:
            self.failure = f"outside: {error!r}"


class Killer:
    def __init__(self, daemon, choose):
        self.daemon, self.choose, self.counts = daemon, choose, collections.Counter()

    def kill_one(self):
        victim = self.choose.choices(("supervisor", "launcher", "both"), (6, 3, 1))[0]
        supervisor = self.daemon.supervisor
        if victim != "launcher" and supervisor:
            try:
                os.kill(supervisor, signal.SIGKILL)
            except ProcessLookupError:
                pass  # it was on its way out by itself, after the last kill
        if victim != "supervisor":
            self.daemon.kill()
            self.daemon.start()
        self.counts[victim] += 1


def check_keys(load, runs):
    """A key that holds finds the run that is there; only one that failed gives its key back."""
    return [f"key {key} made {sorted(made)}" for key, made in
            ((key, set(found)) for key, found in load.keys.items())
            if sum(runs[run]["status"] in DONE for run in made if run in runs) > 1]


def finish(daemon, load, outside):
    """Everything comes to its end, and all of it is checked. A host that is busy with other things
    may be behind by most of the load."""
    client, runs = daemon.client, {}
    # of one whose trigger was not answered nobody knows that it waits for a token
    load.tokens.extend(number for number, run in client.list_runs().items()
                       if number not in load.acknowledged and "token" in run["tags"])

    def all_final():
        runs.update(client.list_runs())
        return all(run["status"] in FINAL for run in runs.values())
    try:
        wait_until(all_final, "every run to end", PATIENCE_S + load.seconds * 3)
    except AssertionError as error:
        stuck = [run for run in runs.values() if run["status"] not in FINAL]
        raise AssertionError(f"{error}: {len(stuck)}, as {stuck[0]} "
                             f"{daemon.ledger.attempts(stuck[0]['id'])}") from None
    outside.is_over = True
    outside.join()
    problems = [f"{run}: acknowledged and not there" for run in load.acknowledged
                if run not in runs]
    problems += [failure for failure in (load.failure, outside.failure) if failure]
    problems += [f"{run}: ran, and the store knows nothing of it" for run in daemon.ledger.runs()
                 if run not in runs]
    # what was not acknowledged may have been one that nobody could cancel any more
    problems += check_runs(client, daemon.ledger, runs,
                           {run: load.acknowledged.get(run, EITHER) for run in runs})
    problems += check_keys(load, runs)
    client.close()
    daemon.stop()
    return problems + check_left_over(daemon), runs


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(1 << 31)
    print(f"{kills} kills, seed {seed}", flush=True)
    choose, finals, problems = random.Random(seed), Finals(), []
    daemon = CrashDaemon({"concurrency": 20})
    killer, load = Killer(daemon, choose), Load(daemon, seed)
    outside = Outside(daemon, load)
    try:
        daemon.start()
        daemon.deploy_task({"retry": {"maxAttempts": 3, "minTimeoutInMs": 50,
                                      "maxTimeoutInMs": 100}})
        load.start()
        outside.start()
        seen, begun = 0, time.monotonic()
        for _ in range(kills):
            time.sleep(choose.uniform(0.05, 1.2))
            killer.kill_one()
            known = list(load.acknowledged)
            problems += check_present(daemon.client, known[seen:])
            problems += finals.check(daemon.client, choose.sample(known, min(LOOKED_AT, len(known))))
            seen = len(known)
        load.is_over = True
        load.join()
        daemon.wait_for_answer()
        behind = sum(run["status"] not in FINAL for run in daemon.client.list_runs().values())
        ended, runs = finish(daemon, load, outside)
        problems += ended
        statuses = collections.Counter(run["status"] for run in runs.values())
        attempts = sum(run["attemptCount"] for run in runs.values())
        interrupted = sum(run["interruptions"] for run in runs.values())
        rate = sum(load.kinds.values()) / load.seconds
        print(f"{dict(killer.counts)} killed in {load.seconds:.0f} s ({behind} runs behind, all "
              f"checked after {time.monotonic() - begun:.0f} s), {sum(load.kinds.values())} acknowledged at "
              f"{rate:.0f} a second {dict(load.kinds)}, {len(runs)} runs {dict(statuses)}, "
              f"{attempts} attempts, {interrupted} interrupted, {outside.completed} tokens, "
              f"{outside.cancelled} cancelled", flush=True)
        for problem in problems[:20]:
            print(f"FAIL {problem}", flush=True)
        if problems:
            print(f"{len(problems)} problems\n{daemon.words()[-2000:]}", flush=True)
        return 1 if problems else 0
    except BaseException:
        print(f"FAIL after {dict(killer.counts)}, {len(load.acknowledged)} acknowledged, "
              f"{outside.completed} tokens; {load.failure} {outside.failure}\n"
              f"{daemon.words()[-2000:]}", flush=True)
        raise
    finally:
        daemon.remove()


if __name__ == "__main__":
    sys.exit(main())
