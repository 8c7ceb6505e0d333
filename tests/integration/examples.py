#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/examples as a reader finds them: built, deployed and run, killed in the middle and gone on with
from the checkpoint. Every function named test_… is a case."""
import glob
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys

from daemon import processes_of, wait_until
from suite import run_cases

SOURCE = os.environ["BERTH_SOURCE_DIR"]
BUILD = os.environ["BERTH_BUILD_DIR"]
GPL = "/usr/share/common-licenses/GPL-3"


def deploy(daemon, name):
    place = os.path.join(daemon.directory, name)
    shutil.copytree(os.path.join(SOURCE, "docs/examples", name), place)
    if os.path.exists(os.path.join(place, "Makefile")):
        make(daemon, place)
    daemon.run("deploy", place)


def make(daemon, place):
    """With the SDK as it is installed; a build with sanitizers has only its parts."""
    task = os.path.join(BUILD, "extensions/task")
    with open(os.path.join(BUILD, "CMakeCache.txt"), encoding="utf-8") as file:
        sanitizers = re.search(r"^BERTH_SANITIZE:\w+=(.+)$", file.read(), re.MULTILINE)
    prefix = os.path.join(daemon.directory, "installed")
    os.makedirs(os.path.join(prefix, "include/berth"))
    os.makedirs(os.path.join(prefix, "lib/pkgconfig"))
    shutil.copy(os.path.join(SOURCE, "extensions/task/task.h"), os.path.join(prefix, "include/berth"))
    with open(os.path.join(SOURCE, "extensions/task/berth-task.pc.in"), encoding="utf-8") as file:
        words = file.read().replace("@CMAKE_INSTALL_PREFIX@", prefix)
    for name, value in (("INCLUDEDIR", "include"), ("LIBDIR", "lib")):
        words = words.replace(f"@CMAKE_INSTALL_{name}@", value)
    flags = ["CFLAGS=-O2 -Wall -Wextra -Werror"]
    if sanitizers:
        shutil.copy(os.path.join(task, "libberth_task.a"), os.path.join(prefix, "lib/libberth-task.a"))
        base = os.path.join(BUILD, "base/libberth_base.a")
        words = words.replace("-lberth-task", f"-lberth-task {base}")
        options = os.path.join(SOURCE, "tests/sanitizers/sandboxed.c")
        flags.append(f"LDFLAGS={options} -fsanitize=" + sanitizers[1].replace(";", ","))
    else:
        shutil.copy(os.path.join(task, "installed/libberth-task.a"), os.path.join(prefix, "lib"))
    with open(os.path.join(prefix, "lib/pkgconfig/berth-task.pc"), "w", encoding="utf-8") as file:
        file.write(words.replace("@PROJECT_VERSION@", "0"))
    done = subprocess.run(["make", "-C", place, *flags], capture_output=True, text=True, check=False,
                          env={**os.environ, "PKG_CONFIG_PATH": os.path.join(prefix, "lib/pkgconfig")})
    assert done.returncode == 0, done


def kill_in_the_middle(daemon, run, word=""):
    """The processes that have the word in their command line, from outside, when the run has come
    somewhere."""
    wait_until(lambda: daemon.ask("checkpoints", "list", run), "a checkpoint")
    for pid in processes_of(daemon):
        with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
            if word in file.read():
                os.kill(pid, signal.SIGKILL)


def assert_went_on(daemon, run):
    found = daemon.wait(run)
    assert found["status"] == "COMPLETED" and found["attemptCount"] == 2, found
    log = daemon.run("runs", "logs", run).stdout
    assert "going on" in log, log
    return found["output"]


def test_c(daemon):
    deploy(daemon, "c")
    found = daemon.finish("primes", payload={"limit": 3000000})
    assert found["output"] == {"count": 216816, "largest": 2999999}, found
    found = daemon.finish("primes", payload={"limit": "many"})
    assert found["attemptCount"] == 1 and found["error"]["name"] == "InvalidPayload", found
    run = daemon.trigger("primes", payload={"limit": 300000000})
    kill_in_the_middle(daemon, run)
    assert assert_went_on(daemon, run) == {"count": 16252325, "largest": 299999977}


def test_c_is_asked_to_end(daemon):
    deploy(daemon, "c")
    run = daemon.trigger("primes", payload={"limit": 1000000000000})
    wait_until(lambda: daemon.ask("checkpoints", "list", run), "a checkpoint")
    daemon.run("runs", "cancel", run)
    assert daemon.wait(run, patience_s=10)["status"] == "CANCELED"


def test_shell(daemon):
    deploy(daemon, "shell")
    run = daemon.trigger("release", payload={"list": "SHA256SUMS", "pause": 0.7})
    child = wait_until(lambda: daemon.show(run)["children"], "the subtask")[0]
    kill_in_the_middle(daemon, child, "verify")  # its parent waits, and is left alone
    assert assert_went_on(daemon, child) == {"files": 4}
    token = wait_until(lambda: (daemon.show(run)["metadata"] or {}).get("approve"), "the token")
    daemon.wait(run, "WAITING")
    daemon.run("tokens", "complete", token, "--output", '{"by":"me"}')
    output = daemon.wait(run)["output"]
    assert output["checked"] == {"files": 4}, output
    assert output["approval"][0]["output"] == {"by": "me"}, output


def test_shell_finds_damage(daemon):
    deploy(daemon, "shell")
    place = os.path.join(daemon.directory, "shell")
    with open(glob.glob(os.path.join(place, "files", "*"))[0], "a", encoding="utf-8") as file:
        file.write("damage\n")
    daemon.run("deploy", place)
    found = daemon.finish("verify", payload={"list": "SHA256SUMS"})
    assert found["status"] == "FAILED" and found["error"]["name"] == "Damaged", found


def test_python(daemon):
    deploy(daemon, "python")
    found = daemon.finish("words", payload={"file": GPL, "parts": 3})
    assert found["status"] == "COMPLETED" and found["output"]["words"]["the"] == count("the"), found
    run = daemon.trigger("words.part", payload={"file": GPL, "from": 0, "to": 600, "pause": 0.2})
    kill_in_the_middle(daemon, run)
    whole = daemon.finish("words.part", payload={"file": GPL, "from": 0, "to": 600})
    assert assert_went_on(daemon, run) == whole["output"]
    found = daemon.finish("words", payload={"file": "/nowhere"})
    assert found["error"]["name"] == "InvalidPayload", found


def test_python_outlives_the_supervisor(daemon):
    deploy(daemon, "python")
    run = daemon.trigger("words", payload={"file": GPL, "parts": 2, "pause": 0.3})
    daemon.wait(run, "WAITING")
    daemon.kill_supervisor()
    daemon.wait_for_answer()
    found = daemon.wait(run)
    assert found["status"] == "COMPLETED" and found["attemptCount"] == 1, found
    assert found["output"]["words"]["the"] == count("the"), found


def count(word):
    with open(GPL, encoding="utf-8") as file:
        return re.findall(r"\w+", file.read().lower()).count(word)


def test_sums_are_those_of_the_files(_):
    place = os.path.join(SOURCE, "docs/examples/shell")
    with open(os.path.join(place, "SHA256SUMS"), encoding="utf-8") as file:
        for line in file:
            digest, name = line.split()
            with open(os.path.join(place, name), "rb") as content:
                assert hashlib.sha256(content.read()).hexdigest() == digest, name


if __name__ == "__main__":
    sys.exit(run_cases(globals()))
