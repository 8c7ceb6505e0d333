# SPDX-License-Identifier: Apache-2.0
"""Makes small media files with the ffmpeg command, runs the video tasks on them, and looks at what
came out with ffprobe. Used by the tests beside it."""
import json
import os
import shutil
import subprocess
import sys
import time

BUILD = os.environ["BERTH_BUILD_DIR"]
PROGRAMS = os.path.join(BUILD, "extensions", "ffmpeg")
RETRYABLE, PERMANENT = 75, 65
# sanitizers make everything slower, and this is no test of speed
TIMEOUT_S = 240
failures = []


def check(condition, text):
    print(("ok   " if condition else "FAIL ") + text, flush=True)
    if not condition:
        failures.append(text)
    return condition


def finish():
    if failures:
        print(f"{len(failures)} of the checks failed")
        sys.exit(1)
    sys.exit(0)


def need_tools():
    for tool in ("ffmpeg", "ffprobe"):
        if not shutil.which(tool):
            print(f"{tool} is missing: apt-get install ffmpeg")
            sys.exit(77)


def work_directory(name):
    path = os.path.abspath(name)
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    os.chdir(path)
    return path


def ffmpeg(*arguments):
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *arguments], check=True,
                   timeout=TIMEOUT_S, env=clean_environment())


def clean_environment():
    environment = dict(os.environ)
    for key in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS"):
        environment.pop(key, None)
    return environment


def pictures(seconds, size="320x180", rate="24"):
    return ["-f", "lavfi", "-i", f"testsrc2=s={size}:r={rate}:d={seconds}"]


def sound(seconds, rate=44100):
    return ["-f", "lavfi", "-i", f"sine=f=440:r={rate}:b=2:d={seconds}"]


class Result:
    """How a task program ended, and what it said."""

    def __init__(self, status, messages, wall_s):
        self.status = status
        self.messages = messages
        self.wall_s = wall_s

    def last(self, operation):
        found = [m for m in self.messages if m.get("op") == operation]
        return found[-1] if found else None

    @property
    def output(self):
        message = self.last("output")
        return message["data"] if message else None

    @property
    def failure(self):
        return self.last("fail")

    @property
    def logs(self):
        return [m["message"] for m in self.messages if m.get("op") == "log"]


def environment_of(payload, path, output="out", checkpoint="checkpoint"):
    os.makedirs(output, exist_ok=True)
    os.makedirs(checkpoint, exist_ok=True)
    return dict(os.environ, BERTH_TASK_PAYLOAD=json.dumps(payload), BERTH_TASK_INPUTS=path,
                BERTH_TASK_OUTPUT=output, BERTH_TASK_CHECKPOINT=checkpoint)


def parse_messages(text):
    messages = []
    for line in text.splitlines():
        try:
            messages.append(json.loads(line))
        except ValueError:
            messages.append({"op": "garbage", "text": line})
    return messages


def run_task(program, path, payload=None, timeout=TIMEOUT_S, **directories):
    started = time.monotonic()
    try:
        done = subprocess.run([os.path.join(PROGRAMS, program)], timeout=timeout, text=True,
                              env=environment_of(payload or {}, path, **directories),
                              stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False,
                              errors="replace")
    except subprocess.TimeoutExpired:
        return Result(None, [], timeout)
    return Result(done.returncode, parse_messages(done.stderr), time.monotonic() - started)


def probe(path, *entries):
    done = subprocess.run(["ffprobe", "-v", "error", "-of", "json", *entries, path], check=True,
                          stdout=subprocess.PIPE, timeout=TIMEOUT_S, env=clean_environment())
    return json.loads(done.stdout)


def streams(path):
    return probe(path, "-show_streams", "-show_format")["streams"]


def packets(path, stream):
    return probe(path, "-select_streams", stream, "-show_entries",
                 "packet=pts,dts,duration,flags,size")["packets"]


def decode_complaints(path):
    """What a strict decoder says about the whole file; empty when it is flawless."""
    done = subprocess.run(["ffmpeg", "-v", "warning", "-nostdin", "-err_detect", "explode", "-i",
                           path, "-map", "0", "-f", "null", "-"], stderr=subprocess.PIPE,
                          text=True, timeout=TIMEOUT_S, check=False, env=clean_environment())
    return done.stderr.strip() + ("" if done.returncode == 0 else f" (status {done.returncode})")


def frame_similarity(path, reference, width, height):
    """SSIM of every frame with the reference's frame of the same number."""
    log = "ssim.txt"
    graph = (f"[0:v]scale={width}:{height},settb=1/25,setpts=N[a];"
             f"[1:v]scale={width}:{height},settb=1/25,setpts=N[b];[a][b]ssim=stats_file={log}")
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-noautorotate", "-i", path,
                    "-noautorotate", "-i", reference, "-lavfi", graph, "-vsync", "passthrough",
                    "-enc_time_base", "1/25", "-an", "-f", "null", "-"], check=True, timeout=TIMEOUT_S,
                   env=clean_environment())
    with open(log, encoding="utf-8") as file:
        return [float(line.split("All:")[1].split()[0]) for line in file]
