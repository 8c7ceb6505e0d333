# SPDX-License-Identifier: Apache-2.0
"""What must hold however often a daemon was killed. Every check returns its complaints."""
import glob
import re

from daemon import FINAL

INTERRUPTIONS_MAX = 3  # runner/engine: then it is SYSTEM_FAILURE


def is_sequence(lines, word, count=None):
    """Whether they are `word 0`, `word 1`, …; without a count, any number of them."""
    count = len(lines) if count is None else count
    return lines == [f"{word} {i}" for i in range(count)]


def check_attempts(run, attempts):
    """Each began once, and no two at the same time. What fails under a task while its launcher's
    death reaches it is no complaint: that attempt is over."""
    problems = []
    interrupted = {attempt["number"] for attempt in run["attempts"]
                   if attempt["outcome"] == "interrupted"}
    for attempt in attempts.values():
        if len(attempt.words("start")) != 1:
            problems.append(f"attempt {attempt.number} began {len(attempt.words('start'))} times")
        problems += [f"attempt {attempt.number}: {' '.join(words)}"
                     for words in attempt.words("error") if attempt.number not in interrupted]
        if len(attempt.pids) > 1:
            problems.append(f"attempt {attempt.number} has several processes {attempt.pids}")
    spans = sorted((attempt.times[0], attempt.times[-1], attempt.number)
                   for attempt in attempts.values())
    for before, after in zip(spans, spans[1:]):
        if before[1] > after[0]:
            problems.append(f"attempts {before[2]} and {after[2]} at once")
    known = {attempt["number"] for attempt in run["attempts"]}
    problems += [f"attempt {number} ran, and the store knows nothing of it"
                 for number in attempts if number not in known]
    return problems


def check_checkpoints(attempts):
    """The next attempt is given the newest one: at least what was answered, at most what was sent."""
    problems, saved, saving = [], 0, 0
    for number in sorted(attempts):
        attempt = attempts[number]
        for words in attempt.words("restored"):
            if not saved <= int(words[0]) <= saving:
                problems.append(f"attempt {number} was given checkpoint {words[0]}, with {saved} "
                                f"answered and {saving} sent")
        saved = max([saved] + [int(words[0]) for words in attempt.words("saved")])
        saving = max([saving] + [int(words[0]) for words in attempt.words("saving")])
    return problems


def check_children(attempts):
    """A step that is done again finds the child that it started."""
    children = {}
    for attempt in attempts.values():
        for words in attempt.words("child"):
            children.setdefault(words[0], set()).add(words[1])
    return [f"step {step} started {sorted(runs)}" for step, runs in children.items()
            if len(runs) > 1]


def check_status(run, attempts, may_be):
    """Final, of an expected kind, and the ledger says so too."""
    interrupted = sum(attempt["outcome"] == "interrupted" for attempt in run["attempts"])
    if run["status"] not in FINAL:
        return [f"is {run['status']} and not final"]
    if run["status"] == "SYSTEM_FAILURE":
        return [] if interrupted >= INTERRUPTIONS_MAX else \
            [f"SYSTEM_FAILURE after {interrupted} interruptions: {run['error']}"]
    if run["status"] not in may_be:
        return [f"is {run['status']}, which is none of {may_be}: {run['error']}"]
    last = attempts.get(run["attempts"][-1]["number"]) if run["attempts"] else None
    if run["status"] == "COMPLETED" and not (last and last.words("end")):
        return ["is COMPLETED, and its task did not come to its end"]
    if any(attempt["status"] in ("PENDING", "EXECUTING") for attempt in run["attempts"]):
        return ["has ended, and an attempt of it has not"]
    return []


def check_log(recorded, noted, records):
    """Nothing is missing and nothing doubled; of an attempt that was killed with the launcher, and
    with it the only ends of its pipes, what is there has no gap."""
    said = {source: [record["message"].rstrip("\n") for record in records
                     if record["source"] == source] for source in ("stdout", "log")}
    ends = noted.words("end") if noted else []
    whole = recorded["outcome"] != "interrupted" and ends
    counts = [int(word) for word in ends[0]] if whole else [None, None]
    problems = []
    for source, word, count in zip(("stdout", "log"), ("line", "message"), counts):
        if not is_sequence(said[source], word, count):
            problems.append(f"attempt {recorded['number']} ({recorded['outcome']}) said "
                            f"{count} of {word} and its log has {said[source]}")
    return problems


def check_present(client, runs):
    """Live: what was acknowledged is there."""
    answers = client.insist_all({"op": "run_get", "run": run, "brief": True} for run in runs)
    return [f"{run}: acknowledged and not there: {answer['error']['message']}"
            for run, answer in zip(runs, answers) if not answer["ok"]]


class Finals:
    """Live: what has ended stays as it ended."""

    def __init__(self):
        self.seen = {}

    def check(self, client, runs):
        problems = []
        answers = client.insist_all({"op": "run_get", "run": run} for run in runs)
        for run, answer in zip(runs, answers):
            if not answer["ok"] or answer["result"]["status"] not in FINAL:
                if run in self.seen:
                    problems.append(f"{run}: had ended and has not any more")
                continue
            told = {name: answer["result"][name]
                    for name in ("status", "output", "error", "attemptCount")}
            if self.seen.setdefault(run, told) != told:
                problems.append(f"{run}: ended as {self.seen[run]} and now as {told}")
        return problems


def check_runs(client, ledger, runs, may_be=("COMPLETED",), with_logs=True):
    """All that can be known of runs that have ended; may_be: of each, or a mapping."""
    problems, runs = [], list(runs)
    told = client.insist_all({"op": "run_get", "run": run} for run in runs)
    wanted = []
    for run, answer in zip(runs, told):
        if not answer["ok"]:
            problems.append(f"{run}: {answer['error']['message']}")
            continue
        attempts = ledger.attempts(run)
        allowed = may_be.get(run, ("COMPLETED",)) if isinstance(may_be, dict) else may_be
        found = check_status(answer["result"], attempts, allowed) + \
            check_attempts(answer["result"], attempts) + check_checkpoints(attempts) + \
            check_children(attempts)
        problems += [f"{run}: {problem}" for problem in found]
        wanted += [(run, attempt, attempts.get(attempt["number"]))
                   for attempt in answer["result"]["attempts"]]
    if not with_logs:
        return problems
    logs = client.insist_all({"op": "run_logs", "run": run, "attempt": attempt["number"],
                              "limit": 10000} for run, attempt, _ in wanted)
    for (run, attempt, noted), answer in zip(wanted, logs):
        records = answer["result"]["records"] if answer["ok"] else []
        problems += [f"{run}: {problem}" for problem in check_log(attempt, noted, records)]
    return problems


def environment_of(pid):
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read().decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return ""


def check_left_over(daemon):
    """Of a daemon that was stopped, however often it was killed before."""
    runs = set(daemon.ledger.runs())
    problems = daemon.left_over()
    for path in glob.glob("/proc/[0-9]*"):
        match = re.search(r"BERTH_RUN_ID=(run_[a-z0-9]+)", environment_of(path.split("/")[2]))
        if match and match.group(1) in runs:
            problems.append(f"a process of {match.group(1)}")
    for path in glob.glob("/sys/block/loop*/loop/backing_file"):
        with open(path, encoding="utf-8") as file:
            if daemon.directory in file.read():
                problems.append(path)
    problems += [line for line in daemon.words().splitlines() if "Sanitizer" in line]
    return [f"left over: {problem}" for problem in problems]
