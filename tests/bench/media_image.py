#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""image.variants next to sharp and vipsthumbnail: the default trio from one photograph.

usage: media_image.py BUILD_DIRECTORY PHOTOGRAPH SCRATCH [ROUNDS]

Every program starts cold, once in each round and in a new order each time; the numbers are medians.
CPU and memory are what wait4(2) says of the process and all its descendants: memory is the peak of
the largest one of them. A sample during which other programs took more than a tenth of the machine is
taken again, as long as that makes sense."""
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import time

SHARP = "sharp@0.35.5"
FOREIGN = 0.1  # share of the machine that others may take during a sample
PATIENCE = 6  # tries for a calm sample
NOMINAL = 1.4  # how much faster than sharp's sequential run image.variants has to be


def install_sharp(scratch):
    if not shutil.which("npm"):
        return None
    modules = os.path.join(scratch, "node_modules")
    if not os.path.isdir(os.path.join(modules, "sharp")):
        with open(os.path.join(scratch, "package.json"), "w", encoding="utf-8") as package:
            json.dump({"private": True}, package)
        done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--silent", SHARP],
                              cwd=scratch, check=False, timeout=300)
        if done.returncode != 0:
            return None
    return modules


def contestants(build, photograph, scratch):
    """name -> (arguments, environment)"""
    output = os.path.join(scratch, "output")
    here = os.path.dirname(os.path.abspath(__file__))
    program = os.path.join(build, "extensions", "vips", "image-variants")
    task = [os.path.join(build, "berth"), "run"]
    files = ["image.variants", "--input", photograph, "--output", output]
    rows = {
        "berth run image.variants, 2 vCPU": (task + ["--machine", "medium-2x"] + files, {}),
        "berth run image.variants, 1 vCPU": (task + ["--machine", "medium-1x"] + files, {}),
        "the same program, no sandbox": ([program], {"BERTH_TASK_INPUTS": photograph,
                                                   "BERTH_TASK_OUTPUT": output}),
    }
    modules = install_sharp(scratch)
    if modules:
        for mode in ("sequential", "parallel"):
            script = os.path.join(here, "media_image_sharp.js")
            rows[f"sharp, cold, {mode}"] = (["node", script, mode, photograph, output],
                                            {"NODE_PATH": modules})
    if shutil.which("vipsthumbnail"):
        once = "vipsthumbnail '%s' --size %s %s -o '%s/%s.webp[Q=%d,strip]'"
        command = " && ".join((
            once % (photograph, "200x200", "--smartcrop centre", output, "thumb", 80),
            once % (photograph, "'800x>'", "", output, "w800", 80),
            once % (photograph, "'1920x>'", "", output, "w1920", 85)))
        rows["vipsthumbnail, three times"] = (["sh", "-c", command], {})
    return rows


def busy_ms():
    """CPU time that all programs have taken, from /proc/stat (proc(5))."""
    with open("/proc/stat", encoding="ascii") as stat:
        fields = [int(field) for field in stat.readline().split()[1:]]
    ticks = fields[0] + fields[1] + fields[2] + fields[5] + fields[6]
    return ticks * 1000 / os.sysconf("SC_CLK_TCK")


def measure_calmly(arguments, environment, output):
    best = None
    for _ in range(PATIENCE):
        before = busy_ms()
        sample = measure(arguments, environment, output)
        foreign = (busy_ms() - before - sample[1]) / (sample[0] * os.cpu_count())
        if best is None or foreign < best[0]:
            best = (foreign, sample)
        if foreign <= FOREIGN:
            break
        time.sleep(1)
    return best


def measure(arguments, environment, output):
    shutil.rmtree(output, ignore_errors=True)
    os.mkdir(output)
    os.chmod(output, 0o777)
    null = os.open(os.devnull, os.O_RDWR)
    started = time.monotonic()
    child = os.posix_spawnp(arguments[0], arguments, {**os.environ, **environment},
                            file_actions=[(os.POSIX_SPAWN_DUP2, null, fd) for fd in (0, 1, 2)])
    _, status, usage = os.wait4(child, 0)
    wall = time.monotonic() - started
    os.close(null)
    if status != 0 or len(os.listdir(output)) != 3:
        raise SystemExit(f"failed with status {status}: {arguments}")
    return wall * 1e3, (usage.ru_utime + usage.ru_stime) * 1e3, usage.ru_maxrss / 1024


def main():
    build, photograph, scratch = (os.path.abspath(path) for path in sys.argv[1:4])
    rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 11
    os.makedirs(scratch, exist_ok=True)
    rows = contestants(build, photograph, scratch)
    samples = {name: [] for name in rows}
    order = list(rows)
    calm = 0
    for _ in range(rounds):
        random.shuffle(order)
        for name in order:
            foreign, sample = measure_calmly(*rows[name], os.path.join(scratch, "output"))
            samples[name].append(sample)
            calm += foreign <= FOREIGN
    medians = {name: [statistics.median(column) for column in zip(*taken)]
               for name, taken in samples.items()}
    base = medians.get("sharp, cold, sequential")
    print(f"image.variants: 200x200 + 800 + 1920 WebP from {os.path.basename(photograph)}, "
          f"median of {rounds} rounds, {calm} of {rounds * len(rows)} samples undisturbed")
    print(f"{'':<36}{'wall ms':>9}{'best':>7}{'cpu ms':>8}{'RSS MB':>8}"
          f"{'wall':>8}{'cpu':>7}{'RSS':>7}  (times sharp's sequential run)")
    for name, numbers in medians.items():
        best = min(sample[0] for sample in samples[name])
        line = f"{name:<36}{numbers[0]:9.0f}{best:7.0f}{numbers[1]:8.0f}{numbers[2]:8.0f}"
        if base:
            line += "".join(f"{number / reference:{width}.2f}" for number, reference, width
                            in zip(numbers, base, (8, 7, 7)))
        print(line)
    if base:
        ratio = base[0] / medians["berth run image.variants, 2 vCPU"][0]
        print(f"berth run is {ratio:.2f} times as fast as sharp's cold sequential run"
              f" ({'at least' if ratio >= NOMINAL else 'BELOW'} {NOMINAL})")


if __name__ == "__main__":
    main()
