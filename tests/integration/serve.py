#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`berth serve` from outside: tasks, queues, waits, logs, and that neither its own death nor that of
its launcher loses anything. Every function named test_… is a case."""
import glob
import json
import os
import shutil
import subprocess
import sys
import time

from daemon import BERTH, raw, shell, wait_until
from suite import run_cases

HELLO = shell("hello", "echo to stdout; berth-task log info said n=1; "
              "berth-task output \"{\\\"hi\\\":$(berth-task payload n)}\"")
COUNT = shell("count", "i=0; while [ $i -lt 30 ]; do echo line $i; sleep 0.1; i=$((i+1)); done")
SLEEP = shell("sleep", "sleep 60")


def test_first_run(daemon):
    daemon.deploy(HELLO)
    run = daemon.finish("hello", payload={"n": 7})
    assert run["status"] == "COMPLETED" and run["output"] == {"hi": 7}, run
    assert run["attempts"][0]["exitCode"] == 0 and run["usage"]["cpuMs"] >= 0, run
    lines = daemon.lines(run["id"])
    assert lines[0].endswith("to stdout") and lines[1].endswith("said n=1"), lines


def test_follow(daemon):
    daemon.deploy(HELLO, shell("bad", "echo oh; exit 3"))
    done = daemon.run("trigger", "hello", "--payload", '{"n":1}', "--follow")
    assert done.stdout == "to stdout\n" and "COMPLETED" in done.stderr, done
    done = daemon.run("trigger", "bad", "--follow", check=False)
    assert done.returncode == 65 and done.stdout == "oh\n", done


def test_builtin_task(daemon):
    listed = daemon.ask("tasks", "--deployed")
    names = [task["id"] for task in listed]
    assert "video.probe" in names, listed


def test_bad_input(daemon):
    daemon.deploy(HELLO)
    for words, says in (
            (("trigger", "nobody"), "nobody"),
            (("trigger", "hello", "--payload", "{"), "payload"),
            (("trigger", "hello", "--machine", "huge"), "huge"),
            (("runs", "show", "run_0000000000000"), "run_"),
            (("runs", "cancel", "nonsense"), "nonsense"),
            (("queues", "pause", "nothing"), "nothing")):
        done = daemon.run(*words, check=False)
        assert done.returncode not in (0, -6, -11) and says in done.stderr, done
    answer = json.loads(raw(daemon.socket, '{"op":"hello","id":1,"protocol":999}'))
    assert answer["ok"] is False, answer
    answer = json.loads(raw(daemon.socket, "garbage"))
    assert answer["error"]["code"] == "protocol", answer


def test_no_daemon(daemon):
    done = subprocess.run([BERTH, "status", "--socket", "/tmp/nobody/there"], capture_output=True,
                          text=True, check=False)
    assert done.returncode != 0 and "berth serve" in done.stderr, done
    done = daemon.run("serve", "--state", daemon.state, "--socket", daemon.socket, check=False)
    assert done.returncode != 0 and "another daemon" in done.stderr, done


def test_retry_and_checkpoint(daemon):
    daemon.deploy(shell("flaky", "n=$(berth-task checkpoint load n || echo 0); echo had $n; "
                        "berth-task checkpoint save n $((n+1)); [ $n = 2 ] || exit 75",
                        retry={"maxAttempts": 5, "minTimeoutInMs": 50, "maxTimeoutInMs": 100}),
                  shell("once", "exit 75"),
                  shell("never", "berth-task fail --permanent Broken 'it is'; exit 65",
                        retry={"maxAttempts": 5, "minTimeoutInMs": 50}))
    run = daemon.finish("flaky")
    assert run["status"] == "COMPLETED" and run["attemptCount"] == 3, run
    for attempt in range(3):
        log = daemon.run("runs", "logs", run["id"], "--attempt", str(attempt + 1)).stdout
        assert log.endswith(f"had {attempt}\n"), log
    assert daemon.finish("once")["attemptCount"] == 1
    run = daemon.finish("never")
    assert run["status"] == "FAILED" and run["attemptCount"] == 1, run
    assert run["error"]["name"] == "Broken" and run["error"]["message"] == "it is", run


def test_what_an_attempt_finds(daemon):
    retry = {"maxAttempts": 2, "minTimeoutInMs": 50}
    daemon.deploy(shell("files", "cat /checkpoint/n && exit 0; echo 7 > /checkpoint/n; exit 75",
                        checkpointFiles=True, retry=retry),
                  shell("anew", "berth-task checkpoint load n || echo nothing; "
                        "berth-task checkpoint save n 7; exit 75", resume="restart", retry=retry))
    run = daemon.finish("files")
    assert run["status"] == "COMPLETED" and run["attemptCount"] == 2, run
    assert daemon.lines(run["id"])[-1].endswith(" 7"), daemon.lines(run["id"])
    run = daemon.finish("anew")
    assert run["attemptCount"] == 2, run
    for attempt in ("1", "2"):
        log = daemon.run("runs", "logs", run["id"], "--attempt", attempt).stdout
        assert log.endswith(" nothing\n"), log


def test_limits_are_told(daemon):
    daemon.deploy(shell("fat", "x=$(head -c 800000000 /dev/zero | tr '\\0' x); echo $x | wc -c",
                        machine="micro"),
                  shell("late", "sleep 60", maxDuration=1),
                  shell("own", "echo $BERTH_MEMORY_BYTES; df /work | tail -1",
                        limits={"memory": "96M", "disk": "16M"}))
    lines = daemon.lines(daemon.finish("own")["id"])
    assert lines[0].endswith(f" {96 << 20}") and "/dev/loop" in lines[1], lines
    run = daemon.finish("fat")
    assert run["attempts"][0]["reason"] == "memory", run
    run = daemon.finish("late")
    assert run["status"] == "TIMED_OUT", run


def test_cancel(daemon):
    daemon.deploy(SLEEP, shell("tidy", "trap 'berth-task output 9; exit 0' TERM; echo ready; "
                               "sleep 60 & wait"))
    run = daemon.trigger("sleep")
    daemon.wait(run, "EXECUTING")
    daemon.run("runs", "cancel", run)
    assert daemon.wait(run)["status"] == "CANCELED"
    queued = daemon.trigger("sleep", "--delay", "1h")
    daemon.run("runs", "cancel", queued)
    assert daemon.wait(queued)["status"] == "CANCELED"


def test_queue_limit_and_pause(daemon):
    daemon.deploy(shell("one", "sleep 0.3", queue={"concurrencyLimit": 1}))
    daemon.run("queues", "pause", "task/one")
    runs = [daemon.trigger("one") for _ in range(3)]
    time.sleep(0.5)
    assert all(daemon.show(run)["status"] == "QUEUED" for run in runs)
    daemon.run("queues", "resume", "task/one")
    spans = []
    for run in runs:
        attempt = daemon.wait(run)["attempts"][0]
        spans.append((attempt["startedAt"], attempt["endedAt"]))
    spans.sort()
    assert all(spans[i][1] <= spans[i + 1][0] for i in range(2)), spans


def test_idempotency(daemon):
    daemon.deploy(HELLO)
    first = daemon.ask("trigger", "hello", "--payload", '{"n":1}', "--idempotency-key", "k")
    second = daemon.ask("trigger", "hello", "--payload", '{"n":2}', "--idempotency-key", "k")
    assert first["id"] == second["id"] and second["isCached"], (first, second)


def test_batch(daemon):
    daemon.deploy(HELLO)
    items = [{"task": "hello", "payload": {"n": n}} for n in range(20)] + [{"task": "nobody"}]
    done = daemon.run("batch", "-", "--json", stdin=json.dumps(items), check=False)
    assert done.returncode == 1, done
    listed = daemon.ask("runs", "list", "--task", "hello", "--limit", "50")["data"]
    outputs = [daemon.wait(run["id"])["output"]["hi"] for run in listed]
    assert sorted(outputs) == list(range(20)), outputs


def test_payload_schema(daemon):
    """A bad schema is refused when it is deployed, a bad payload when it is triggered, by whomever."""
    resize = shell("resize", "berth-task output 1", payloadSchema={
        "type": "object", "required": ["width"], "additionalProperties": False,
        "properties": {"width": {"type": "integer", "minimum": 16}, "name": {"type": "string"}}})
    daemon.deploy(resize, shell("parent", "berth-task trigger resize --payload '{\"width\":1}' "
                                "2> /tmp/e && exit 9; berth-task output \"\\\"$(cat /tmp/e)\\\"\""))
    assert daemon.finish("resize", payload={"width": 16})["output"] == 1
    for payload, says in (({"width": 8}, "payload.width: less than 16"), (None, "not of type object"),
                          ({"width": 20, "depth": 1}, "payload.depth: not allowed"),
                          ({}, "payload: width is missing")):
        done = daemon.run("trigger", "resize", "--payload", json.dumps(payload), check=False)
        assert done.returncode != 0 and says in done.stderr, done
    assert "payload.width: less than 16" in daemon.finish("parent")["output"]
    items = [{"task": "resize", "payload": {"width": width}} for width in (8, 32)]
    done = daemon.run("batch", "-", "--json", stdin=json.dumps(items), check=False)
    assert done.returncode == 1 and "payload.width" in done.stdout + done.stderr, done
    resize["payloadSchema"]["properties"]["width"]["minimum"] = "16"
    try:
        daemon.deploy(resize)
        raise AssertionError("it was deployed")
    except AssertionError as error:
        assert "berth.json:1: tasks.0.payloadSchema: properties.width.minimum: not a number" in \
            str(error), error


def test_deployed_files(daemon):
    daemon.deploy({"id": "script", "program": "go.sh"},
                  files={"go.sh": "#!/bin/sh\nberth-task output \"\\\"$(pwd)\\\"\"\n"})
    assert daemon.finish("script")["output"] == "/app"


def test_flood_is_cut(daemon):
    daemon.deploy(shell("flood", "yes $(printf %01000d 0) | head -c 300000000", machine="micro"))
    run = daemon.finish("flood")
    assert run["status"] == "COMPLETED", run
    assert run["attempts"][0]["logBytes"] < 100000000, run
    log = daemon.run("runs", "logs", run["id"]).stdout
    assert "dropped" in log, log[-400:]


def test_logs_of_many_lines(daemon):
    """All of them, the last ones, and while they are written; before and after they are sealed."""
    daemon.deploy(shell("say", "seq 300000; berth-task metadata said=1; sleep 3; echo last",
                        limits={"log": "100M"}))
    run = daemon.trigger("say")
    wait_until(lambda: daemon.show(run)["metadata"], "all but the last")
    for _ in range(2):
        lines = [line.split()[-1] for line in daemon.lines(run)]
        assert lines[:300000] == [str(n + 1) for n in range(300000)], len(lines)
        daemon.wait(run)
    lines = daemon.run("runs", "logs", run, "--tail", "3").stdout.splitlines()
    assert [line.split()[-1] for line in lines] == ["299999", "300000", "last"], lines
    lines = daemon.run("runs", "logs", run, "--since", "1s").stdout.splitlines()
    assert len(lines) <= 1, lines[:3]
    record = json.loads(daemon.run("runs", "logs", run, "--tail", "1", "--json").stdout)
    assert record["message"] == "last" and record["source"] == "stdout", record
    position = daemon.ask("runs", "logs", run, "--limit", "1", "--position", "0")["position"]
    lines = daemon.run("runs", "logs", run, "--position", str(position), "--limit", "1").stdout
    assert lines.split()[-1] == "2", lines


def test_supervisor_dies(daemon):
    """No run notices, and no line is lost."""
    daemon.deploy(COUNT)
    runs = [daemon.trigger("count") for _ in range(5)]
    for run in runs:
        daemon.wait(run, "EXECUTING")
    for _ in range(3):
        time.sleep(0.5)
        daemon.kill_supervisor()
    daemon.wait_for_answer()
    for run in runs:
        found = daemon.wait(run)
        assert found["status"] == "COMPLETED" and found["attemptCount"] == 1, found
        lines = [line.split("line ")[1] for line in daemon.lines(run)]
        assert lines == [str(n) for n in range(30)], lines


def test_adopted_run_is_sampled(daemon):
    """Its counters are looked at by the next supervisor as well: its limits depend on it."""
    daemon.deploy(SLEEP)
    run = daemon.trigger("sleep")
    daemon.wait(run, "EXECUTING")
    daemon.kill_supervisor()
    daemon.wait_for_answer()

    def is_sampled():
        return any(one["id"] == run and one.get("live") for one in daemon.ask("status")["runs"])
    wait_until(is_sampled, "a sample")


def test_launcher_dies(daemon):
    """What ran goes on in a new attempt from its checkpoint; what was queued is still queued."""
    daemon.deploy(shell("steps", "n=$(berth-task checkpoint load n || echo 0); "
                        "while [ $n -lt 20 ]; do n=$((n+1)); berth-task checkpoint save n $n; "
                        "echo step $n; sleep 0.1; done; berth-task output $n",
                        queue={"concurrencyLimit": 2}))
    runs = [daemon.trigger("steps") for _ in range(4)]
    daemon.wait(runs[0], "EXECUTING")
    time.sleep(0.6)
    daemon.kill()
    daemon.start()
    for run in runs:
        found = daemon.wait(run)
        assert found["status"] == "COMPLETED" and found["output"] == 20, found
    again = [run for run in runs if daemon.show(run)["interruptions"] > 0]
    assert again, "none was interrupted"
    for run in again:
        steps = [int(line.split()[-1]) for line in daemon.lines(run)]
        assert steps[-1] == 20 and steps[0] > 1, steps


def test_reload(daemon):
    daemon.deploy(COUNT)
    run = daemon.trigger("count")
    daemon.wait(run, "EXECUTING")
    before = daemon.supervisor
    daemon.run("reload")
    wait_until(lambda: daemon.supervisor not in (None, before), "another supervisor")
    found = daemon.wait(run)
    assert found["status"] == "COMPLETED" and found["attemptCount"] == 1, found
    assert len(daemon.lines(run)) == 30


def test_stop_lets_runs_end(daemon):
    daemon.deploy(shell("short", "sleep 1; berth-task output 1"))
    run = daemon.trigger("short")
    daemon.wait(run, "EXECUTING")
    daemon.stop()
    assert daemon.left_over() == [], daemon.left_over()
    daemon.start()
    found = daemon.wait(run)
    assert found["status"] == "COMPLETED" and found["attemptCount"] == 1, found


def test_drain_refuses(daemon):
    daemon.deploy(HELLO)
    daemon.run("drain")
    done = daemon.run("trigger", "hello", check=False)
    assert done.returncode != 0 and "drain" in done.stderr, done


def test_backup(daemon):
    daemon.deploy(HELLO)
    daemon.finish("hello", payload={"n": 1})
    path = os.path.join(daemon.directory, "copy.db")
    daemon.run("backup", path)
    with open(path, "rb") as file:
        assert file.read(15) == b"SQLite format 3"


def test_prune(daemon):
    daemon.deploy(HELLO)
    run = daemon.finish("hello", payload={"n": 1})["id"]
    said = daemon.ask("prune", "--older-than", "1ms", "--dry-run")
    assert said["runs"] == 1 and daemon.show(run)["status"] == "COMPLETED", said
    assert daemon.ask("prune", "--older-than", "1ms") == said
    assert daemon.run("runs", "show", run, check=False).returncode != 0
    logs = os.path.join(daemon.state, "logs")
    wait_until(lambda: not any(files for _, _, files in os.walk(logs)), "the logs to go")


def test_logs_of_nobody(daemon):
    """As if it had died after a run was forgotten, before its log was deleted."""
    daemon.deploy(HELLO)
    run = daemon.finish("hello", payload={"n": 1})["id"]
    known = glob.glob(os.path.join(daemon.state, "logs", "*", f"{run}.1.*"))
    other = run[:-1] + ("0" if run[-1] != "0" else "1")
    for path in known:
        shutil.copy(path, path.replace(run, other))
    daemon.kill_supervisor()
    wait_until(lambda: not glob.glob(os.path.join(daemon.state, "logs", "*", f"{other}.*")),
               "the stranger's log to go")
    assert known and all(os.path.exists(path) for path in known), known
    assert f"removed {len(known)} files of logs" in daemon.words(), daemon.words()


def test_prune_versions(daemon):
    """Versions that nobody needs go with their files; killed in between, the next start does the rest."""
    bundles = os.path.join(daemon.state, "bundles")

    def deploy(number):
        daemon.deploy({"id": "script", "program": "go.sh"},
                      files={"go.sh": f"#!/bin/sh\nberth-task output {number}\n"})
    for number in range(3):
        deploy(number)
    kept = daemon.finish("script")["id"]
    for number in range(3, 6):
        deploy(number)
    deploy(0)  # the same files as the first, which goes
    assert len(os.listdir(bundles)) == 6, os.listdir(bundles)
    said = daemon.ask("prune", "--older-than", "1h")
    assert said["versions"] == 0, said
    # as if it had been killed when the versions were gone and their files were not, and later
    os.mkdir(os.path.join(bundles, "0" * 64))
    os.makedirs(os.path.join(bundles, "old_0123456789abcdefghjkmnpqrs", "half"))
    os.mkdir(os.path.join(bundles, "new_0123456789abcdefghjkmnpqrs"))
    daemon.kill()
    daemon.start()
    wait_until(lambda: len(os.listdir(bundles)) == 6, "the rest to be removed")
    daemon.run("prune", "--older-than", "1ms")  # takes the run
    said = daemon.ask("prune", "--older-than", "1ms")
    daemon.kill()
    daemon.start()
    wait_until(lambda: len(os.listdir(bundles)) == 2, f"two bundles, {os.listdir(bundles)}")
    assert len([v for v in daemon.ask("versions", "list") if v["bundle"]]) == 2
    assert daemon.run("runs", "show", kept, check=False).returncode != 0
    assert daemon.finish("script")["output"] == 0
    daemon.run("versions", "rollback")
    assert daemon.finish("script")["output"] == 5
    deploy(3)  # its files went
    assert daemon.finish("script")["output"] == 3


def test_readme(daemon):
    """The README's own lines, as a newcomer types them."""
    with open(os.path.join(os.path.dirname(__file__), "..", "..", "README.md"),
              encoding="utf-8") as file:
        script = file.read().split("## Serve tasks")[1].split("```sh\n")[1].split("```")[0]
    place = os.path.join(daemon.directory, "newcomer")
    os.mkdir(place)
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x180:d=1",
                    os.path.join(place, "video.mp4")], check=True, timeout=60)
    path = os.path.dirname(BERTH) + ":" + os.environ["PATH"]
    done = subprocess.run(["sh", "-ec", "trap 'kill $! && wait $!' EXIT\n" +
                           script.replace("export BERTH_SOCKET",
                                          "while [ ! -S berth.sock ]; do sleep 0.05; done\n"
                                          "export BERTH_SOCKET")],
                          cwd=place, env={**os.environ, "PATH": path}, capture_output=True,
                          text=True, timeout=60, check=False)
    assert done.returncode == 0, done
    assert '"id": "run_' in done.stdout and done.stdout.count("COMPLETED") >= 1, done
    assert os.listdir(os.path.join(place, "media", "thumbnail")), done


if __name__ == "__main__":
    sys.exit(run_cases(globals()))
