#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The video tasks in their sandbox next to ffmpeg and ffprobe outside of any: one real clip.

usage: media_video.py BUILD_DIRECTORY VIDEO SCRATCH [ROUNDS [TRANSCODE_ROUNDS]]

Every program starts cold, once a round and in a new order each time; the numbers are medians. CPU is
what wait4(2) says of the process and all its descendants, and memory the peak of the largest one;
for a transcode in a sandbox the peak is its cgroup's, page cache included. "foreign" is the share of
the machine that other programs took meanwhile: a short sample is taken again when that was more than
a tenth, as long as that makes sense. Where it stays high, compare CPU rather than wall: a sandbox has
one share of a busy machine, and each thread of a program outside has one too. No rounds: no table."""
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import time

FOREIGN = 0.1
PATIENCE = 5
MEMORY = "4G"
SEED = ["-c:v", "libx264", "-profile:v", "high", "-level", "4.1", "-preset", "medium", "-b:v",
        "6000k", "-maxrate", "12000k", "-bufsize", "12000k", "-sc_threshold", "0", "-c:a", "aac",
        "-ar", "48000", "-ac", "2", "-b:a", "128k", "-movflags", "+faststart"]


def ffmpeg(*arguments):
    return ["ffmpeg", "-v", "error", "-nostdin", "-y", *arguments]


def berth(build, options, task, video, output, payload=None):
    command = [os.path.join(build, "berth"), "run", *options, "--input", video, "--output", output]
    if payload:
        command += ["--payload", json.dumps(payload)]
    return command + [task]


def frame_rate(video):
    text = subprocess.check_output(["ffprobe", "-v", "error", "-select_streams", "v:0",
                                    "-show_entries", "stream=avg_frame_rate", "-of", "csv=p=0",
                                    video], text=True).strip()
    numerator, _, denominator = text.partition("/")
    return float(numerator) / float(denominator or 1)


def tables(build, video, scratch):
    """title -> (reference row, how much of it is allowed, {row: arguments})"""
    output = os.path.join(scratch, "output")
    cpus = os.cpu_count()
    whole = ["--cpu", str(cpus), "--memory", MEMORY]
    image = os.path.join(output, "reference.jpg")
    clip = os.path.join(output, "reference.mp4")
    gop = str(round(2 * frame_rate(video)))
    scale = ["-vf", "scale='min(1920,iw)':-2"]
    copied = os.path.join(scratch, "copied.mp4")
    subprocess.run(ffmpeg("-i", video, "-t", "30", *scale, *SEED, "-preset", "ultrafast", "-g", gop,
                          copied), check=True)
    return {
        "probe": ("ffprobe", 1.0, {
            "ffprobe": ["ffprobe", "-v", "error", "-of", "json", "-show_format", "-show_streams",
                        video],
            "berth run video.probe": berth(build, whole, "video.probe", video, output),
        }),
        "poster, nearest keyframe": ("ffmpeg -skip_frame nokey", 1.0, {
            "ffmpeg -skip_frame nokey": ffmpeg("-skip_frame", "nokey", "-ss", "12", "-i", video,
                                               "-frames:v", "1", "-vf", "scale=1280:-2", image),
            "ffmpeg -ss": ffmpeg("-ss", "12", "-i", video, "-frames:v", "1", "-vf",
                                 "scale=1280:-2", image),
            "berth run video.thumbnail": berth(build, whole, "video.thumbnail", video, output,
                                               {"at": 12}),
        }),
        "frame, exactly": ("ffmpeg -ss", 1.1, {
            "ffmpeg -ss": ffmpeg("-ss", "20", "-i", video, "-frames:v", "1", "-vf",
                                 "scale=1280:-2", image),
            "berth run video.thumbnail": berth(build, whole, "video.thumbnail", video, output,
                                               {"at": 20, "exact": True}),
        }),
        "input that is ready": ("ffmpeg -c copy", 1.5, {
            "ffmpeg -c copy": ffmpeg("-i", copied, "-c", "copy", "-movflags", "+faststart", clip),
            "berth run video.transcode": berth(build, whole, "video.transcode", copied, output),
        }),
        f"transcode, {cpus} CPUs": ("ffmpeg", 1.03, {
            "ffmpeg": ffmpeg("-i", video, *scale, *SEED, "-g", gop, clip),
            "berth run video.transcode": berth(build, whole, "video.transcode", video, output,
                                               {"force": True}),
        }),
        "transcode, 1 CPU": ("ffmpeg, 1 CPU", 1.03, {
            "ffmpeg, 1 CPU": ["taskset", "-c", "0", *ffmpeg("-i", video, *scale, *SEED, "-g", gop,
                                                            clip)],
            "berth run, small-2x": berth(build, ["--machine", "small-2x"], "video.transcode",
                                         video, output, {"force": True}),
        }),
    }


def busy_s():
    with open("/proc/stat", encoding="ascii") as stat:
        fields = [int(field) for field in stat.readline().split()[1:]]
    return (fields[0] + fields[1] + fields[2] + fields[5] + fields[6]) / os.sysconf("SC_CLK_TCK")


def measure(arguments, scratch):
    """wall_s, cpu_s, memory_kb, foreign share"""
    shutil.rmtree(os.path.join(scratch, "output"), ignore_errors=True)
    os.makedirs(os.path.join(scratch, "output"))
    result_path = os.path.join(scratch, "result.json")
    inside = arguments[0].endswith("berth")
    if inside:
        arguments = arguments[:2] + ["--result", result_path] + arguments[2:]
    before, started = busy_s(), time.monotonic()
    with open(os.path.join(scratch, "log.txt"), "w", encoding="utf-8") as log:
        process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - started
    if process.returncode != 0:
        with open(os.path.join(scratch, "log.txt"), encoding="utf-8") as log:
            sys.exit(f"{' '.join(arguments)} failed: {log.read()[-2000:]}")
    cpu, memory = usage.ru_utime + usage.ru_stime, usage.ru_maxrss
    if inside:
        with open(result_path, encoding="utf-8") as file:
            peak = json.load(file)["usage"].get("memoryPeakBytes") or 0
        memory = max(peak // 1024, 1)
    foreign = max(0.0, busy_s() - before - cpu) / (wall * os.cpu_count())
    return wall, cpu, memory, foreign


def measure_calmly(arguments, scratch):
    best = None
    for _ in range(PATIENCE):
        sample = measure(arguments, scratch)
        if best is None or sample[3] < best[3]:
            best = sample
        if sample[3] <= FOREIGN or sample[0] > 5:
            break
    return best


def print_table(title, reference, allowed, samples):
    rows = {name: [statistics.median(column) for column in zip(*values)]
            for name, values in samples.items()}
    print(f"\n{title}  (wall at most {allowed:.2f} of {reference})")
    print(f"  {'':34} {'wall':>9} {'CPU':>9} {'memory':>9} {'foreign':>8}  wall x  CPU x")
    wall, cpu = rows[reference][:2]
    for name, row in rows.items():
        print(f"  {name:34} {row[0]:8.3f}s {row[1]:8.3f}s {row[2] / 1024:6.0f} MiB "
              f"{row[3]:7.0%}  {row[0] / wall:6.2f} {row[1] / cpu:6.2f}", flush=True)


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    build, video, scratch = (os.path.abspath(path) for path in sys.argv[1:4])
    rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 9
    long_rounds = int(sys.argv[5]) if len(sys.argv) > 5 else 3
    os.makedirs(scratch, exist_ok=True)
    load = os.getloadavg()[0]
    print(f"video tasks on {os.uname().release}, {os.cpu_count()} CPUs, load {load:.1f}")
    for title, (reference, allowed, rows) in tables(build, video, scratch).items():
        count = long_rounds if title.startswith("transcode") else rounds
        if count == 0:
            continue
        samples = {name: [] for name in rows}
        for _ in range(count):
            for name in random.sample(sorted(rows), len(rows)):
                samples[name].append(measure_calmly(rows[name], scratch))
        print_table(title, reference, allowed, samples)


if __name__ == "__main__":
    main()
