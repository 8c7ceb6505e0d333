#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `berth run` does beyond the shell: endings and their words, results, attempts, signals,
mounts, inputs, outputs, logs, terminals. Every function named test_… is a case."""
import glob
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import time

BERTH = os.environ["BERTH"]
SECONDS = 60


class Run:
    """A finished `berth run` with its result file."""

    def __init__(self, *words, stdin=None, timeout=SECONDS, result=True, environment=None):
        words = list(words)
        if result:
            words[:0] = ["--result", "result.json"]
        if os.path.exists("result.json"):
            os.unlink("result.json")
        done = subprocess.run([BERTH, "run", *words], input=stdin, capture_output=True,
                              timeout=timeout, check=False,
                              stdin=None if stdin is not None else subprocess.DEVNULL,
                              env={**os.environ, **(environment or {})})
        self.status, self.out, self.err = done.returncode, done.stdout, done.stderr.decode()
        self.result = None
        if result and os.path.exists("result.json"):
            with open("result.json", encoding="utf-8") as file:
                self.result = json.load(file)

    def ended(self, status, outcome, reason):
        got = (self.status, self.result["outcome"], self.result["reason"])
        assert got == (status, outcome, reason), f"{got}\n{self.err}"
        assert self.result["exitCode"] == status, self.result["exitCode"]
        return self


def sh(script, *options, **keywords):
    return Run(*options, "--", "sh", "-c", script, **keywords)


# How it ends.

def test_completed():
    run = sh("echo out").ended(0, "completed", None)
    assert run.err == "", run.err


def test_own_status():
    run = sh("exit 9").ended(9, "failed", "exit_status")
    assert run.err == "", run.err


def test_retryable_status():
    sh("exit 75").ended(75, "failed", "retryable")


def test_permanent_status():
    sh("exit 65").ended(65, "failed", "permanent")


def test_fail_retryable():
    run = sh("berth-task fail Busy 'the server is busy'; exit 1").ended(75, "failed", "retryable")
    assert run.result["error"] == {"name": "Busy", "message": "the server is busy"}
    assert "Busy: the server is busy" in run.err, run.err


def test_fail_permanent():
    sh("berth-task fail --permanent BadInput 'no video'; exit 1").ended(65, "failed", "permanent")


def test_crashed():
    run = sh("kill -SEGV $$").ended(139, "crashed", "signal")
    assert run.result["attempts"][0]["signal"] == signal.SIGSEGV
    assert "Segmentation fault" in run.err


def test_timeout():
    run = sh("sleep 30", "--timeout", "300ms").ended(124, "timed_out", "timeout")
    assert "ran out of time" in run.err


def test_timeout_after_grace():
    started = time.monotonic()
    sh("trap '' TERM; while :; do sleep 0.1; done", "--timeout", "300ms", "--grace",
       "300ms").ended(124, "timed_out", "timeout")
    assert time.monotonic() - started < 10


def test_not_found():
    run = Run("--", "no-such-program").ended(127, "not_found", "exec")
    assert "no-such-program" in run.err


def test_not_executable():
    Run("--", "/etc/passwd").ended(126, "not_executable", "exec")


def test_memory():
    run = Run("--memory", "48M", "--", "python3", "-c", "x = bytearray(200 << 20)")
    run.ended(137, "killed", "memory")
    assert "out of memory" in run.err and run.result["usage"]["oomKills"] >= 1


# (option, too little, the least, what the least must be enough for)
LEAST = [
    ("--cpu", "0.001", "0.01", "true"),
    ("--memory", "1", "1M", "true"),
    ("--pids", "1", "2", "true"),
    ("--tmpfs", "0", "64K", "true"),
    ("--tmpfs-inodes", "1", "16", "true"),
    ("--disk", "1", "4M", "echo x > /work/file"),
    ("--disk-inodes", "1", "16", "echo x > /work/file"),
    ("--open-files", "1", "16", "true"),
    ("--log", "1", "4K", "echo x >&2"),
]


def test_the_least_that_anything_starts_with():
    for option, too_little, least, script in LEAST:
        run = Run(option, too_little, "--", "true", result=False)
        assert run.status == 125 and "is not between" in run.err, (option, run.status, run.err)
        words = ["sh", "-c", script] if script != "true" else ["true"]
        run = Run(option, least, "--", *words)
        assert run.status == 0, (option, least, run.err)


def test_few_open_files_and_many_mounts():
    mounts = [word for i in range(40) for word in ("--mount", f"/usr/share:/m{i}")]
    assert sh("ls -d /m39; ulimit -n", "--open-files", "16", *mounts).out == b"/m39\n16\n"


def test_log():
    run = sh("yes >&2", "--log", "64K").ended(137, "killed", "log")
    assert "too much log" in run.err
    assert len(run.err) < 300000, len(run.err)


def test_log_of_one_output_is_stdout():
    # what cannot be told from stdout is not counted; in JSON it can be told
    for words, status in (((), 0), (("--log-format", "json"), 137)):
        done = subprocess.run([BERTH, "run", "--log", "64K", *words, "--", "sh", "-c", "seq 30000 >&2"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False, timeout=SECONDS)
        assert done.returncode == status, (words, done.returncode, done.stdout[-300:])


def test_usage_of_the_channel():
    # process 1 of the sandbox, the shell, three sleeps, berth-task
    run = sh("sleep 9 & sleep 9 & sleep 9 & berth-task usage --json; kill $(jobs -p)")
    usage = json.loads(run.out)
    assert usage["pids"] == 6, usage


def test_log_of_the_channel():
    script = ("i=0; while [ $i -lt 3000 ]; do "
              "berth-task log info \"$(head -c 2000 /dev/zero | tr '\\000' a)\"; i=$((i + 1)); done")
    sh(script, "--log", "16K").ended(137, "killed", "log")


def test_stdout_is_no_log():
    run = sh("head -c 300000 /dev/zero", "--log", "4K").ended(0, "completed", None)
    assert len(run.out) == 300000


def test_disk():
    run = sh("head -c 100M /dev/zero > file; sleep 30", "--disk", "16M")
    run.ended(137, "killed", "disk")
    assert "disk is full" in run.err


def test_disk_met_by_itself():
    run = sh("head -c 100M /dev/zero > file", "--disk", "16M").ended(1, "failed", "disk")
    assert "limit of disk" in run.err


def test_pids():
    run = Run("--pids", "24", "--", "python3", "-c", """
import os
while True:
    try:
        if os.fork() == 0:
            import time; time.sleep(60)
    except OSError:
        pass
""")
    run.ended(137, "killed", "pids")
    assert "too many processes" in run.err


# berth's own errors.

ERRORS = [
    (["--"], "no command"),
    ([], "neither a task nor a command"),
    (["nonsense"], "no task"),
    (["no.such"], "no.such"),
    (["word", "--", "true"], "before --"),
    (["--machine", "huge", "--", "true"], "huge"),
    (["--machin", "micro", "--", "true"], "did you mean --machine"),
    (["--memory", "999T", "--", "true"], "memory"),
    (["--memory", "lots", "--", "true"], "memory"),
    (["--cpu", "100000", "--", "true"], "cpu"),
    (["--cpu", "4000", "--", "true"], "CPUs"),
    (["--attempts", "0", "--", "true"], "attempts"),
    (["--timeout", "later", "--", "true"], "timeout"),
    (["--net", "wide", "--", "true"], "net"),
    (["--image", "none", "--", "true"], "none"),
    (["--ext", "none", "--", "true"], "none"),
    (["--mount", "/usr", "--", "true"], "SRC:DST"),
    (["--mount", "/nowhere:/data", "--", "true"], "/nowhere"),
    (["--mount", "/usr:/proc/x", "--", "true"], "/proc"),
    (["--mount", "/usr:data", "--", "true"], "SRC:DST"),
    (["--mount", "/usr:/a/../b", "--", "true"], ".."),
    (["--env", "=x", "--", "true"], "--env"),
    (["--input", "/nowhere", "--", "true"], "/nowhere"),
    (["--payload", "{", "--", "true"], "--payload"),
    (["--payload", "@/nowhere", "--", "true"], "/nowhere"),
    (["--cwd", "data", "--", "true"], "data"),
    (["--cwd", "/nowhere", "--", "true"], "/nowhere"),
    (["--checkpoint", "/nowhere/at/all", "--", "true"], "/nowhere"),
    (["--result", "/nowhere/result.json", "--", "true"], "/nowhere"),
]


def test_own_errors():
    for words, expected in ERRORS:
        run = Run(*words, result=False)
        assert run.status == 125, (words, run.status, run.err)
        assert run.err.startswith("berth: ") and expected in run.err, (words, run.err)
        assert run.out == b"", (words, run.out)


def test_result_of_own_error():
    run = Run("--memory", "999G", "--", "true").ended(125, "error", "berth")
    assert run.result["attempts"] == [] and run.result["error"]["name"] == "limit"
    assert run.result["machine"] == "small-1x"


# What the result says.

def test_result():
    run = sh("berth-task output '{\"n\": 1}'; berth-task metadata a=1 b=x; echo err >&2; exit 3")
    result = run.result
    assert result["version"] == 1 and result["id"].startswith("run_")
    assert result["task"] is None and result["command"][:2] == ["sh", "-c"]
    assert result["machine"] == "small-1x" and result["limits"]["memory"] == 512 << 20
    assert result["output"] == {"n": 1} and result["metadata"] == {"a": 1, "b": "x"}
    attempt = result["attempts"][0]
    assert attempt["number"] == 1 and attempt["exitCode"] == 3 and attempt["logBytes"] == 4
    assert attempt["startedAt"] <= attempt["endedAt"]
    assert 0 < attempt["usage"]["wallNs"] < 30e9
    names = result["enforced"] + [row["name"] for row in result["notEnforced"]]
    assert len(names) == len(set(names)) and "seccomp" in result["enforced"]
    for row in result["notEnforced"]:
        assert set(row) == {"name", "why", "detail", "remedy"}


def test_what_was_not_asked_for_is_said():
    result = sh("true", "--net", "host").result
    assert result["network"] == "host"
    assert "network_namespace" in [row["name"] for row in result["notEnforced"]]


def test_result_to_a_device():
    run = Run("--result", "/dev/stdout", "--", "true", result=False)
    assert run.status == 0 and json.loads(run.out)["outcome"] == "completed"


def test_result_replaces_a_file_whole():
    with open("result.json", "w", encoding="utf-8") as file:
        file.write("old" * 100000)
    assert sh("true").result["outcome"] == "completed"
    assert [name for name in os.listdir(".") if name.startswith("result")] == ["result.json"]


# Attempts and checkpoints.

SAVER = """
echo attempt $BERTH_ATTEMPT
berth-task checkpoint load position
ls /checkpoint
berth-task checkpoint save position "{\\"line\\":$BERTH_ATTEMPT}"
touch /checkpoint/file$BERTH_ATTEMPT scratch$BERTH_ATTEMPT
"""


def test_attempts_go_on_from_the_checkpoint():
    run = sh(SAVER + "ls /work; [ $BERTH_ATTEMPT = 3 ] || kill -9 $$", "--attempts", "5")
    run.ended(0, "completed", None)
    assert len(run.result["attempts"]) == 3
    assert [attempt["outcome"] for attempt in run.result["attempts"]] == ["crashed"] * 2 + ["completed"]
    # /checkpoint and the named checkpoint go on, the scratch directory is fresh each time
    assert run.out.decode().split() == [
        "attempt", "1", "scratch1",
        "attempt", "2", '{"line":1}', "file1", "scratch2",
        "attempt", "3", '{"line":2}', "file1", "file2", "scratch3"], run.out
    assert "attempt 2 of 5" in run.err, run.err


def test_checkpoints_outlive_the_run():
    sh(SAVER, "--checkpoint", "kept").ended(0, "completed", None)
    run = sh(SAVER, "--checkpoint", "kept").ended(0, "completed", None)
    assert '{"line":1}' in run.out.decode() and "file1" in run.out.decode(), run.out


def test_rootless_attempts_go_on_too():
    if os.geteuid() != 0:
        return  # then every test is
    os.chmod(".", 0o777)
    shutil.copy(BERTH, "berth")  # the build may be where only root may go
    script = "ls /checkpoint; touch /checkpoint/f$BERTH_ATTEMPT; [ $BERTH_ATTEMPT = 2 ] || exit 1"
    done = subprocess.run(["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups", "env",
                           f"XDG_RUNTIME_DIR={os.getcwd()}", f"TMPDIR={os.getcwd()}",
                           "./berth", "run", "--attempts", "2", "--", "sh", "-c", script],
                          capture_output=True, timeout=SECONDS, check=False)
    assert (done.returncode, done.stdout) == (0, b"f1\n"), done
    # and nothing stays behind
    assert not [name for name in os.listdir(".") if "checkpoint" in name], os.listdir(".")


def test_permanent_failure_is_not_tried_again():
    run = sh("exit 65", "--attempts", "3")
    assert len(run.result["attempts"]) == 1


def test_not_found_is_not_tried_again():
    run = Run("--attempts", "3", "--", "no-such-program")
    assert len(run.result["attempts"]) == 1


def test_last_attempt_counts():
    run = sh("exit $BERTH_ATTEMPT", "--attempts", "2").ended(2, "failed", "exit_status")
    assert [attempt["exitCode"] for attempt in run.result["attempts"]] == [1, 2]
    assert run.result["usage"]["wallNs"] > run.result["attempts"][0]["usage"]["wallNs"]


def test_io_weight_of_the_result():
    # a weight of its own is looked at; the kernel's is nobody's wish
    bfq = any("[bfq]" in open(path, encoding="utf-8").read() for path in glob.glob("/sys/block/*/queue/scheduler"))
    costs = "/sys/fs/cgroup/io.cost.qos"
    cost = os.path.exists(costs) and "enable=1" in open(costs, encoding="utf-8").read()
    result = Run("--io-weight", "200", "--", "true").result
    rows = {row["name"]: row for row in result["notEnforced"]}
    if bfq or cost:
        assert "io_weight" in result["enforced"], rows
    else:
        assert rows["io_weight"]["why"] == "unavailable" and rows["io_weight"]["remedy"], rows
    result = Run("--io-weight", "100", "--", "true").result
    assert {"io_weight": "not requested"}.items() <= {row["name"]: row["why"] for row in result["notEnforced"]}.items()


# Signals.

def start(*words, **keywords):
    return subprocess.Popen([BERTH, "run", "--result", "result.json", *words],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, **keywords)


def await_line(process, line):
    got = process.stdout.readline()
    assert got == line + b"\n", got


def finish(process):
    out, err = process.communicate(timeout=SECONDS)
    with open("result.json", encoding="utf-8") as file:
        return process.returncode, json.load(file), out, err.decode()


SAVES = "trap 'berth-task checkpoint save at 7; exit 75' TERM INT HUP; echo ready; while :; do sleep 0.05; done"


def test_every_asking_signal():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        process = start("--", "sh", "-c", SAVES)
        await_line(process, b"ready")
        process.send_signal(number)
        status, result, _, err = finish(process)
        assert (status, result["outcome"], result["reason"]) == (75, "cancelled", "signal"), err
        assert len(result["attempts"]) == 1


def test_cancelled_is_not_tried_again():
    process = start("--attempts", "5", "--", "sh", "-c", SAVES)
    await_line(process, b"ready")
    process.send_signal(signal.SIGTERM)
    status, result, _, _ = finish(process)
    assert status == 75 and len(result["attempts"]) == 1


def test_cancel_interrupts_the_backoff():
    process = start("--attempts", "50", "--", "sh", "-c", "echo ready; exit 1")
    for _ in range(3):
        await_line(process, b"ready")
    started = time.monotonic()
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    status, _, _, _ = finish(process)
    assert status == 1 and time.monotonic() - started < 2


def test_the_task_gets_the_signal_that_berth_got():
    script = "for s in TERM INT HUP USR1; do trap \"echo $s; exit 0\" $s; done; echo ready; while :; do sleep 0.05; done"
    for sent, got in (("TERM", "TERM"), ("INT", "INT"), ("HUP", "HUP"), ("USR1", "TERM")):
        process = start("--", "sh", "-c", script)
        await_line(process, b"ready")
        process.send_signal(getattr(signal, "SIG" + sent))
        status, _, out, err = finish(process)
        assert (status, out.decode().strip()) == (0, got), (sent, out, err)


def test_exit_status_of_signals():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        process = start("--", "sh", "-c", "echo ready; exec sleep 30")
        await_line(process, b"ready")
        process.send_signal(number)
        status, result, _, err = finish(process)
        died_of = signal.SIGTERM if number == signal.SIGUSR1 else number
        assert (status, result["outcome"]) == (128 + died_of, "cancelled"), (number, status, err)


def test_a_second_signal_is_passed_on_too():
    process = start("--", "sh", "-c", "trap '' HUP; trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done")
    await_line(process, b"ready")
    process.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert finish(process)[0] == 7


def test_killed_after_grace():
    process = start("--grace", "300ms", "--", "sh", "-c",
                    "trap '' TERM; echo ready; while :; do sleep 0.1; done")
    await_line(process, b"ready")
    process.send_signal(signal.SIGTERM)
    status, result, _, _ = finish(process)
    assert (status, result["outcome"], result["reason"]) == (137, "cancelled", "killed")


def test_second_interrupt_kills():
    process = start("--grace", "1h", "--", "sh", "-c",
                    "trap '' INT; echo ready; while :; do sleep 0.1; done")
    await_line(process, b"ready")
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    status, result, _, _ = finish(process)
    assert (status, result["outcome"]) == (137, "cancelled")


def test_stalled_reader_does_not_stop_a_timeout():
    process = start("--timeout", "500ms", "--grace", "200ms", "--", "yes")
    deadline = time.monotonic() + 15
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert process.poll() == 124, process.poll()
    process.communicate()


def test_stalled_reader_of_stderr_does_not_stop_a_timeout():
    process = start("--timeout", "500ms", "--grace", "200ms", "--log", "1T", "--", "sh", "-c", "yes >&2")
    time.sleep(2)
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 124 and b"ran out of time" in err[-300:], err[-300:]


def command_lines():
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/cmdline", "rb") as file:
                    yield file.read()
            except OSError:
                pass  # it ended meanwhile


def test_killed_berth_leaves_nothing():
    process = start("--", "sh", "-c", "echo ready; exec sleep 98765")
    await_line(process, b"ready")
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 10
    while b"sleep\x0098765\x00" in command_lines():
        assert time.monotonic() < deadline, "the task outlived berth"
        time.sleep(0.1)


# What the task sees.

def test_environment():
    run = sh("env | sort", "--env", "A=1", "--env", "A=2", "--env", "PASSED", "--env", "UNSET",
             "--machine", "micro", environment={"PASSED": "p", "SECRET": "s"})
    lines = dict(line.split("=", 1) for line in run.out.decode().splitlines())
    lines.pop("PWD", None)
    assert lines.pop("BERTH_RUN_ID") == run.result["id"]
    assert lines.pop("PATH").startswith("/opt/berth/bin:")
    assert lines == {"A": "2", "PASSED": "p", "BERTH": "1", "BERTH_ATTEMPT": "1",
                     "BERTH_CPUS": "0.25", "BERTH_MEMORY_BYTES": str(256 << 20),
                     "HOME": "/work", "TMPDIR": "/tmp", "LANG": "C.UTF-8"}, lines


def test_mounts():
    os.mkdir("data")
    with open("data/file", "w", encoding="utf-8") as file:
        file.write("content")
    run = sh("cat /data/file; touch /data/new 2>&1; echo $?", "--mount", "data:/data")
    assert run.out.decode().startswith("content") and "Read-only" in run.out.decode(), run.out
    run = sh("echo new > /data/new; id -u; stat -c %u /data/new", "--mount", "data:/data:rw")
    assert run.status == 0 and run.out.split() == [b"1000", b"1000"], (run.out, run.err)
    with open("data/new", encoding="utf-8") as file:
        assert file.read() == "new\n"
    assert os.stat("data/new").st_uid == os.geteuid()
    assert {"source": os.path.realpath("data"), "target": "/data", "writable": True} in run.result["mounts"]


def test_mount_of_a_private_directory():
    os.mkdir("private", 0o700)
    with open("private/file", "w", encoding="utf-8") as file:
        file.write("mine")
    os.chmod("private/file", 0o600)
    assert sh("cat /data/file", "--mount", "private:/data").out == b"mine"
    # of a directory that is open to all, closed files stay closed
    os.chmod("private", 0o755)
    assert sh("cat /data/file", "--mount", "private:/data").status == 1


def test_mount_of_work():
    os.mkdir("project")
    run = sh("pwd; touch made", "--mount", "project:/work:rw")
    assert run.out == b"/work\n" and os.path.exists("project/made"), run.err


def test_mount_with_a_colon():
    os.mkdir("a:b")
    assert sh("ls -d /x", "--mount", "a:b:/x").out == b"/x\n"


def test_inputs():
    os.mkdir("other")
    for name in ("clip", "other/clip", "third"):
        with open(name, "w", encoding="utf-8") as file:
            file.write(name)
    os.symlink("third", "link")
    os.chmod("third", 0o600)
    run = sh("cd /input; ls; cat clip 2-clip link; touch clip 2>/dev/null || echo read-only",
             "--input", "clip", "--input", "other/clip", "--input", "link")
    assert run.out.decode() == "2-clip\nclip\nlink\nclipother/clipthirdread-only\n", (run.out, run.err)


def test_output():
    script = ("cd /output; echo a > a; mkdir -p d/e; echo b > d/e/b; chmod 777 d/e/b; "
              "ln -s /etc/shadow link; mkfifo pipe; ln a hard")
    run = sh(script, "--output", "got").ended(0, "completed", None)
    found = sorted(os.path.relpath(os.path.join(place, name), "got")
                   for place, folders, names in os.walk("got") for name in names + folders)
    assert found == ["a", "d", "d/e", "d/e/b", "hard"], found
    assert os.stat("got/d/e/b").st_mode & 0o7777 == 0o755
    files = run.result["outputFiles"]
    assert files["files"] == 3 and files["refusedCount"] == 2, files
    assert "link" in run.err and "pipe" in run.err, run.err


def test_output_of_a_failed_run_is_not_kept():
    sh("echo half > /output/video; exit 1", "--output", "got").ended(1, "failed", "exit_status")
    assert not os.path.exists("got/video")


def test_payload():
    with open("payload.json", "w", encoding="utf-8") as file:
        file.write('{"from": "file"}')
    assert sh("berth-task payload", "--payload", '{"a": [1, 2]}').out == b'{"a":[1,2]}\n'
    assert sh("berth-task payload", "--payload", "@payload.json").out == b'{"from":"file"}\n'
    run = sh("berth-task payload; cat", "--payload", "-", stdin=b'{"from": "stdin"}')
    assert run.out == b'{"from":"stdin"}\n', run.out


def test_extension():
    run = sh("ls /opt/berth/extensions/ffmpeg", "--ext", "ffmpeg")
    assert b"extension.json" in run.out, (run.out, run.err)


# Logs and terminals.

def test_json_logs():
    run = sh("echo raw >&2; berth-task log warn hot t=9; berth-task progress 40; printf end >&2; exit 1",
             "--log-format", "json", "--verbose")
    rows = [json.loads(line) for line in run.err.splitlines()]
    assert all("time" in row for row in rows)
    assert {"stream": "stderr", "message": "raw"}.items() <= rows[0].items()
    assert any(row.get("level") == "warn" and row.get("fields") == {"t": 9} for row in rows)
    assert any(row.get("progress") == {"percent": 40.0} for row in rows)
    assert any(row.get("message") == "end" for row in rows)
    assert any(row.get("source") == "berth" for row in rows)


def test_own_error_as_json():
    run = Run("--log-format", "json", "--machine", "huge", "--", "true", result=False)
    assert json.loads(run.err.splitlines()[0])["level"] == "error"


def test_text_logs():
    run = sh("echo raw >&2; berth-task log warn hot t=9")
    lines = run.err.splitlines()
    assert lines[0] == "raw" and lines[1].endswith("WARN  hot t=9"), lines


def test_quiet():
    run = sh("berth-task progress 40; kill -SEGV $$", "--quiet")
    assert "progress" not in run.err and "Segmentation" in run.err


def on_terminal(words, keys=b"", environment=None):
    """Runs on a terminal of its own; returns status and everything it showed."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(environment or {})
        os.execv(BERTH, [BERTH, "run", *words])
    shown = b""
    try:
        if keys:
            time.sleep(1)
            os.write(terminal, keys)
        while chunk := os.read(terminal, 4096):
            shown += chunk
    except OSError:
        pass
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown


PROGRESS = "berth-task progress 40 --rate 25 --unit frames; sleep 0.2; echo line >&2; berth-task log error bad"


def test_progress_bar():
    status, shown = on_terminal(["--", "sh", "-c", PROGRESS], environment={"TERM": "xterm", "NO_COLOR": ""})
    assert status == 0 and b"40.0 %  25 frames/s" in shown and b"[####" in shown, shown
    assert b"\r\033[K" in shown and b"\033[31mERROR" in shown, shown
    assert shown.rstrip().endswith(b"\033[K") or b"bad" in shown.splitlines()[-1], shown


def test_no_color():
    _, shown = on_terminal(["--", "sh", "-c", PROGRESS], environment={"TERM": "xterm", "NO_COLOR": "1"})
    assert b"\033[31m" not in shown, shown


def test_terminal_input():
    status, shown = on_terminal(["--", "sh", "-c", "read x; echo got $x; tty"], keys=b"typed\n")
    assert b"got typed" in shown and b"not a tty" in shown and status == 1, (status, shown)


def test_control_c():
    status, shown = on_terminal(["--", "sh", "-c", "sleep 30"], keys=b"\x03")
    assert status == 130, (status, shown)


def run_case(name, case):
    directory = tempfile.mkdtemp(prefix="berth-run.")
    os.chdir(directory)
    started = time.monotonic()
    try:
        case()
    except Exception as failure:  # every kind of failure is one of the case
        print(f"FAILED  {name}: {type(failure).__name__}: {failure} (line "
              f"{failure.__traceback__.tb_next.tb_lineno})", flush=True)
        return False
    finally:
        os.chdir("/")
        shutil.rmtree(directory, ignore_errors=True)
    print(f"ok      {name} ({time.monotonic() - started:.2f} s)", flush=True)
    return True


def main():
    os.umask(0o022)
    wanted = sys.argv[1:]
    cases = [(name, case) for name, case in globals().items()
             if name.startswith("test_") and (not wanted or name in wanted)]
    failed = sum(not run_case(name, case) for name, case in cases)
    print(f"{len(cases) - failed} of {len(cases)} cases passed")
    return 1 if failed or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
