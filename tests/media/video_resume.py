#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""video.transcode under kill -9 at random moments: the last attempt finishes a file that is complete,
and all attempts together cost less than 1.25 of one clean run.

  video_resume.py            the program by itself
  video_resume.py berth      inside `berth run --attempts`, the task killed in its sandbox"""
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time

from video_check import check_keyframes, check_video
from video_media import (BUILD, PROGRAMS, check, environment_of, ffmpeg, finish, need_tools,
                         pictures, sound, work_directory)

KILLS = 10
BERTH_KILLS = 5  # it waits longer and longer between attempts
SECONDS = 120
PAYLOAD = {"name": "film", "bitrate": 1500000, "force": True}
PROGRAM = os.path.join(PROGRAMS, "video-transcode")
# what one attempt costs before its first frame, and what an encoder has begun when it is killed
COST_LIMIT = 1.25


def processor_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def output_of(text):
    rows = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [row for row in rows if row.get("op") == "output"][-1]["data"]


def run_alone(kill_after):
    """One attempt; kill_after None: to its end."""
    process = subprocess.Popen([PROGRAM], env=environment_of(PAYLOAD, "film.mp4"), text=True,
                               stderr=subprocess.PIPE)
    if kill_after is not None:
        try:
            process.wait(kill_after)
        except subprocess.TimeoutExpired:
            process.kill()
    _, text = process.communicate(timeout=300)
    return process.returncode, text


def descendants(pid):
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        found.append((int(entry), int(fields[1])))
    family = {pid}
    for _ in range(8):
        family |= {child for child, parent in found if parent in family}
    return family - {pid}


def task_of(pid):
    """The task's own process in the sandbox of this berth."""
    for child in descendants(pid):
        try:
            with open(f"/proc/{child}/comm", encoding="utf-8") as file:
                if file.read().strip() == "video-transcode":
                    return child
        except OSError:
            pass
    return None


def wait_for_task(process, last):
    while process.poll() is None:
        pid = task_of(process.pid)
        if pid and pid != last:
            return pid
        time.sleep(0.02)
    return None


def berth_command(kills):
    return [os.path.join(BUILD, "berth"), "run", "--attempts", str(kills + 1), "--result",
            "result.json", "--input", "film.mp4", "--output", "out", "--payload",
            json.dumps(PAYLOAD), "video.transcode"]


def run_in_berth(pauses):
    """Kills the task after each pause; returns berth's status and the result file."""
    os.makedirs("out", exist_ok=True)
    with open("berth.log", "w", encoding="utf-8") as log:
        process = subprocess.Popen(berth_command(len(pauses)), stdout=log, stderr=log)
        pid = None
        for pause in pauses:
            pid = wait_for_task(process, pid)
            if pid is None:
                break
            time.sleep(pause)
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                break
        process.wait(600)
    with open("result.json", encoding="utf-8") as file:
        return process.returncode, json.load(file)


def clear():
    for path in ("out", "checkpoint"):
        shutil.rmtree(path, ignore_errors=True)


def check_film(name):
    check_video(name, "out/film.mp4", "film.mp4", frames=24 * SECONDS, duration=SECONDS, width=640,
                height=360)
    check_keyframes(name, "out/film.mp4", 2)


def pauses_of(clean_s, kills):
    """Spread over about as long as one clean run takes."""
    return [random.uniform(0.5, 1.5) * clean_s / kills for _ in range(kills)]


def test_alone():
    before, started = processor_seconds(), time.monotonic()
    status, _ = run_alone(None)
    clean_cpu, clean_s = processor_seconds() - before, time.monotonic() - started
    check(status == 0, "alone: the clean run ends well")
    clear()
    before, killed = processor_seconds(), 0
    for pause in pauses_of(clean_s, KILLS):
        status, text = run_alone(pause)
        killed += status == -signal.SIGKILL
        if status == 0:
            break
    if status != 0:
        status, text = run_alone(None)
    cost = processor_seconds() - before
    check(status == 0, f"alone: after {killed} kills the last attempt ends well ({status})")
    if status != 0:
        print(text[-2000:])
        return
    output = output_of(text)
    check(killed >= KILLS // 2 and output["frames_resumed"] > 0, "alone: it went on, every time")
    check(output["frames_encoded"] < COST_LIMIT * output["frames"],
          f"alone: {output['frames_encoded']} frames were encoded for {output['frames']}")
    check_film("alone")
    # a busy host makes the same work dearer by a third: a clean run on either side of the attempts
    clear()
    before = processor_seconds()
    check(run_alone(None)[0] == 0, "alone: the second clean run ends well")
    ratio = cost / max(clean_cpu, processor_seconds() - before)
    check(ratio < COST_LIMIT, f"alone: all attempts cost {ratio:.3f} of a clean run")


def test_in_berth():
    status, result = run_in_berth([])
    clean = result["usage"]["cpuNs"]
    check(status == 0, "berth: the clean run ends well")
    shutil.rmtree("out")
    status, result = run_in_berth(pauses_of(result["usage"]["wallNs"] / 1e9, BERTH_KILLS))
    attempts = len(result["attempts"])
    check(status == 0, f"berth: after {attempts - 1} kills the run completes ({status}, "
          f"{result.get('message')})")
    if status != 0:
        return
    cost = sum(a["usage"]["cpuNs"] for a in result["attempts"])
    output = result["output"]
    check(attempts > BERTH_KILLS // 2 and output["frames_resumed"] > 0, "berth: it went on, every time")
    check_film("berth")
    shutil.rmtree("out")
    status, result = run_in_berth([])
    check(status == 0, "berth: the second clean run ends well")
    ratio = cost / max(clean, result["usage"]["cpuNs"])
    check(ratio < COST_LIMIT, f"berth: all attempts cost {ratio:.3f} of a clean run")


need_tools()
in_berth = sys.argv[1:] == ["berth"]
work_directory("video-resume-berth" if in_berth else "video-resume")
SEED = int(os.environ.get("BERTH_TEST_SEED") or time.time_ns() % 1000000)
random.seed(SEED)
print(f"seed {SEED} (BERTH_TEST_SEED)", flush=True)
ffmpeg(*pictures(SECONDS, size="640x360"), *sound(SECONDS), "-c:v", "libx264", "-preset",
       "veryfast", "-b:v", "3M", "-g", "120", "-c:a", "aac", "film.mp4")
if in_berth:
    test_in_berth()
else:
    test_alone()
finish()
