#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`berth run -- COMMAND` next to the shell's own COMMAND: one row a case, same stdout, same status.

Every row is a bash script in which $RUN stands before the command: nothing for the shell,
`berth run --` for berth. Both must print the same and end the same. The two scripts run in
directories of their own with the same files in them.
"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

BERTH = os.environ["BERTH"]
SECONDS = 60

# (name, script)
ROWS = [
    ("true", "$RUN true"),
    ("false", "$RUN false"),
    ("exit status", "$RUN sh -c 'exit 42'"),
    ("largest exit status", "$RUN sh -c 'exit 255'"),
    ("stdout", "$RUN echo hello world"),
    ("stderr", "$RUN sh -c 'echo one >&2; echo two >&2; exit 3' 2>&1 >/dev/null"),
    ("stdout and stderr in order, to a pipe", "$RUN sh -c 'for i in 1 2 3 4 5 6 7 8 9; do echo out $i; echo err $i >&2; done' 2>&1 | cat"),
    ("stdout and stderr in order, to a file", "$RUN sh -c 'for i in 1 2 3 4 5 6 7 8 9; do echo out $i; echo err $i >&2; done' > out 2>&1; cat out"),
    ("stdout and stderr in order, appended", "$RUN sh -c 'for i in 1 2 3 4 5 6 7 8 9; do echo out $i; echo err $i >&2; done' >> out 2>&1; cat out"),
    ("stdout and stderr in order, on a terminal", "python3 shown.py $RUN sh -c 'for i in 1 2 3 4 5 6 7 8 9; do echo out $i; echo err $i >&2; done'"),
    ("stdout and stderr to a reader that ends", "$RUN sh -c 'yes >&2; yes' 2>&1 | head -n 2; echo ${PIPESTATUS[0]}"),
    ("much of both to one pipe", "$RUN sh -c 'seq 300000; seq 300000 >&2' 2>&1 | sha256sum"),
    ("stdin from a pipe", "printf 'a\\nb\\n' | $RUN cat"),
    ("stdin from a file", "$RUN sort < lines"),
    ("stdin from a here document", "$RUN cat <<END\nhere $((1+1))\nEND"),
    ("stdin from /dev/null", "$RUN wc -c < /dev/null"),
    ("stdin is not eaten (pipe)", "printf 'a\\nb\\n' | { $RUN true; cat; }"),
    ("stdin is not eaten (file)", "{ $RUN true; cat; } < lines"),
    ("stdin is shared line by line", "printf '1\\n2\\n3\\n' | { $RUN sh -c 'read x; echo got $x'; cat; }"),
    ("stdin closed", "$RUN cat <&- 2>/dev/null"),
    ("stdin from a socket", "python3 socket_stdin.py $RUN tr a-z A-Z"),
    ("/dev/stdin of a pipe", "echo through | $RUN cat /dev/stdin"),
    ("/dev/stdout and /dev/stderr", "$RUN sh -c 'echo o > /dev/stdout; echo e > /dev/stderr' 2>&1 >out; cat out"),
    ("stdout to a file", "$RUN seq 100000 > out; sha256sum < out"),
    ("stdout appended to a file", "echo first > out; $RUN echo second >> out; cat out"),
    ("stdout in the middle of a file", "{ echo a; $RUN echo b; echo c; } > out; cat out"),
    ("stdout closed", "$RUN sh -c 'echo lost' >&- 2>/dev/null"),
    ("stdout closed, nothing written", "$RUN true >&-"),
    ("stdout to a full pipe", "$RUN seq 300000 | { sleep 0.5; sha256sum; }"),
    ("stdout to a reader that ends", "$RUN yes | head -n 2; echo ${PIPESTATUS[0]}"),
    ("stdout to a socket", "python3 socket_stdout.py $RUN seq 50000 | sha256sum"),
    ("stderr closed", "$RUN sh -c 'echo fine' 2>&-"),
    ("much data both ways", "seq 2000000 | $RUN cat | sha256sum"),
    ("binary data", "head -c 1000000 /dev/zero | tr '\\000' '\\377' | $RUN cat | sha256sum; printf '\\000\\001\\377' | $RUN od -c"),
    ("much stderr", "$RUN sh -c 'seq 200000 >&2' 2>&1 >/dev/null | sha256sum"),
    ("one line at a time", "python3 converse.py $RUN cat"),
    ("arguments as they are", "$RUN printf '<%s>\\n' 'a b' '' '*' '$HOME' \"it's\" $'new\\nline' $'\\377' --help -x --"),
    ("a long argument", "$RUN sh -c 'echo ${#1}' sh \"$(head -c 100000 /dev/zero | tr '\\000' x)\""),
    ("many arguments", "$RUN sh -c 'echo $#' sh $(seq 3000)"),
    ("not found", "$RUN surely-no-such-program 2>/dev/null"),
    ("not found by path", "$RUN /no/such/program 2>/dev/null"),
    ("not executable", "$RUN /etc/passwd 2>/dev/null"),
    ("a directory", "$RUN /usr 2>/dev/null"),
    ("killed by SIGKILL", "$RUN sh -c 'kill -KILL $$' 2>/dev/null"),
    ("killed by SIGTERM", "$RUN sh -c 'kill -TERM $$' 2>/dev/null"),
    ("killed by SIGSEGV", "$RUN sh -c 'kill -SEGV $$' 2>/dev/null"),
    ("killed by SIGABRT", "$RUN sh -c 'kill -ABRT $$' 2>/dev/null"),
    ("SIGTERM from outside", "$RUN sleep 30 2>/dev/null & sleep 0.5; kill -TERM $!; wait $! 2>/dev/null"),
    ("SIGINT from outside", "python3 signalled.py INT $RUN sleep 30 2>/dev/null"),
    ("SIGHUP from outside", "python3 signalled.py HUP $RUN sleep 30 2>/dev/null"),
    ("SIGINT caught", "python3 signalled.py INT $RUN sh -c 'trap \"echo saved; exit 7\" INT; sleep 3 & wait' 2>/dev/null"),
    ("SIGHUP ignored", "nohup python3 signalled.py HUP $RUN sleep 1.5 2>/dev/null"),
    ("SIGINT ignored by a job in the background", "$RUN sleep 1.5 2>/dev/null & sleep 0.7; kill -INT $!; wait $!"),
    ("Ctrl-C", "python3 typed.py $RUN sleep 30"),
    ("Ctrl-C of a script and its child", "python3 typed.py $RUN bash -c 'sleep 30; echo goes on'"),
    ("SIGTERM caught", "$RUN sh -c 'trap \"echo saved; exit 7\" TERM; echo ready; sleep 3 & wait' 2>/dev/null & sleep 0.7; kill -TERM $!; wait $!"),
    ("signals have their default", "$RUN sh -c 'kill -PIPE $$; echo survived' 2>/dev/null"),
    ("environment", "$ENV GREETING=hi NAME='a b' $RUN_WITH_ENV sh -c 'echo $GREETING $NAME'"),
    ("working directory", "$CD /usr $RUN_WITH_CD pwd"),
    ("a pipeline inside", "$RUN sh -c 'seq 10 | grep 1 | wc -l'"),
    ("a job left behind does not hold it up", "$RUN sh -c 'sleep 300 >/dev/null 2>&1 </dev/null & echo done'"),
    ("timeout of the shell's own", "timeout 1 $RUN sleep 30 2>/dev/null"),
    ("timeout", "$TIMEOUT 0.5 $RUN_WITH_TIMEOUT sleep 30 2>/dev/null"),
    ("timeout that is not reached", "$TIMEOUT 20 $RUN_WITH_TIMEOUT sh -c 'echo early; exit 5'"),
    ("a substitution", "echo \"<$($RUN echo inner)>\""),
    ("and, or", "$RUN true && echo yes; $RUN false || echo no"),
    ("in a loop that reads", "while read -r line; do echo \"$line: $($RUN echo x < /dev/null)\"; done < lines"),
]

FILES = {
    "lines": "pear\napple\nfig\n",
    # starts a program with one end of a socket as its stdin
    "socket_stdin.py": """import socket, subprocess, sys
ours, theirs = socket.socketpair()
child = subprocess.Popen(sys.argv[1:], stdin=theirs)
theirs.close()
ours.sendall(b'over a socket\\n')
ours.shutdown(socket.SHUT_WR)
sys.exit(child.wait())
""",
    "socket_stdout.py": """import socket, subprocess, sys
ours, theirs = socket.socketpair()
child = subprocess.Popen(sys.argv[1:], stdout=theirs)
theirs.close()
while data := ours.recv(65536):
    sys.stdout.buffer.write(data)
sys.exit(child.wait())
""",
    # a signal for the program alone, 0.7 s after its start
    "signalled.py": """import signal, subprocess, sys, time
child = subprocess.Popen(sys.argv[2:])
time.sleep(0.7)
child.send_signal(getattr(signal, 'SIG' + sys.argv[1]))
status = child.wait()
sys.exit(status if status >= 0 else 128 - status)
""",
    # Ctrl-C on a terminal on which nothing else runs
    "typed.py": """import os, pty, sys, time
child, terminal = pty.fork()
if child == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
time.sleep(0.7)
os.write(terminal, b'\\x03')
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
sys.exit(status if status >= 0 else 128 - status)
""",
    # what a terminal shows of a program
    "shown.py": """import os, pty, sys
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))
""",
    # every line must come back before the next one is sent
    "converse.py": """import subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
for number in range(20):
    child.stdin.write(b'line %d\\n' % number)
    child.stdin.flush()
    sys.stdout.write(child.stdout.readline().decode())
child.stdin.close()
sys.exit(child.wait())
""",
}

SHELL = {"RUN": "", "ENV": "env", "RUN_WITH_ENV": "", "CD": "env -C", "RUN_WITH_CD": "",
         "TIMEOUT": "timeout", "RUN_WITH_TIMEOUT": ""}


def berth_words():
    run = f"{BERTH} run --"
    return {"RUN": run,
            # the wrappers turn into options
            "ENV": f"{BERTH} run --env", "RUN_WITH_ENV": "--",
            "CD": f"{BERTH} run --cwd", "RUN_WITH_CD": "--",
            "TIMEOUT": f"{BERTH} run --timeout", "RUN_WITH_TIMEOUT": "--"}


def fill(script, words):
    if "$ENV GREETING" in script and words["ENV"] != "env":
        script = script.replace("NAME='a b'", "--env NAME='a b'")
    for name in sorted(words, key=len, reverse=True):
        script = script.replace(f"${name} ", words[name] + " ")
    return script


def run(script, words):
    directory = tempfile.mkdtemp(prefix="berth-cases.")
    try:
        for name, content in FILES.items():
            with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
                file.write(content)
        process = subprocess.Popen(["bash", "-c", fill(script, words)], cwd=directory,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, start_new_session=True)
        try:
            out, err = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            return "hangs", out, err
        return process.returncode, out, err
    finally:
        shutil.rmtree(directory)


def main():
    wanted = sys.argv[1:]
    failed = count = 0
    for name, script in ROWS:
        if wanted and name not in wanted:
            continue
        count += 1
        started = time.monotonic()
        expected = run(script, SHELL)
        middle = time.monotonic()
        got = run(script, berth_words())
        if expected[:2] == got[:2]:
            print(f"ok      {name}: status {expected[0]}, {middle - started:.2f} s in the shell, "
                  f"{time.monotonic() - middle:.2f} s in berth")
            continue
        failed += 1
        print(f"FAILED  {name}\n  script: {script}")
        print(f"  the shell: status {expected[0]}, stdout {expected[1][:300]!r}, stderr {expected[2][:300]!r}")
        print(f"  berth:     status {got[0]}, stdout {got[1][:300]!r}, stderr {got[2][:600]!r}")
    print(f"{count - failed} of {count} cases are as in the shell")
    return 1 if failed or not count else 0


if __name__ == "__main__":
    sys.exit(main())
