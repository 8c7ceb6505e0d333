#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""image.variants in its sandbox: good pictures, and hostile ones that end inside their limits."""
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zlib

BERTH = os.environ["BERTH"]
FAILED = []


def png(path, width, height, depth, interlace=0):
    """A black picture, as many bytes as zlib makes of it."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(
            ">I", zlib.crc32(kind + data))

    line = bytes(1 + (width * depth + 7) // 8)
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(line) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, interlace)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) +
                   chunk(b"IEND", b""))


class Run:
    def __init__(self, directory, picture, payload=None, machine=None, stop_after=None):
        self.output = tempfile.mkdtemp(dir=directory)
        result = os.path.join(self.output, "..", "result.json")
        command = [BERTH, "run", "--result", result, "--output", self.output]
        command += ["--machine", machine] if machine else []
        command += ["image.variants", "--input", picture]
        command += ["--payload", json.dumps(payload)] if payload else []
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True) as process:
            if stop_after:
                time.sleep(stop_after)
                process.send_signal(signal.SIGTERM)
            self.stdout, self.stderr = process.communicate(timeout=120)
        self.status = process.returncode
        with open(result, encoding="utf-8") as file:
            self.result = json.load(file)
        self.files = sorted(os.listdir(self.output))


def check(name, run, conditions):
    for text, holds in conditions:
        if not holds:
            FAILED.append(name)
            print(f"FAILED: {name}: {text}; status {run.status}, files {run.files}, "
                  f"result {run.result['message']!r}\n{run.stderr}")


def refused(name, run, said):
    check(name, run, [
        ("exit status 65", run.status == 65),
        ("a permanent failure", run.result["reason"] == "permanent"),
        ("not tried again", len(run.result["attempts"]) == 1),
        (f"says {said!r}", said in run.result["message"]),
        ("no file", not run.files),
    ])


def good(directory, picture):
    run = Run(directory, picture)
    told = json.loads(run.stdout) if run.status == 0 else {"variants": []}
    check("the default trio", run, [
        ("exit status 0", run.status == 0),
        ("three files", run.files == ["thumb.webp", "w1920.webp", "w800.webp"]),
        ("told in order", [v["name"] for v in told["variants"]] == ["thumb", "w800", "w1920"]),
        ("bytes as told", all(os.stat(os.path.join(run.output, os.path.basename(v["path"]))).st_size
                              == v["bytes"] for v in told["variants"])),
    ])
    run = Run(directory, picture, {"variants": [{"name": "a", "width": 64, "format": "avif"}]})
    check("AVIF, by libvips' module", run, [("exit status 0", run.status == 0),
                                            ("one file", run.files == ["a.avif"])])


def hostile(directory, picture):
    path = os.path.join(directory, "input.png")
    png(path, 30000, 30000, 1)
    refused("a bomb of 900 megapixels", Run(directory, path), "900000000 pixels")
    png(path, 16000, 16000, 8, interlace=1)
    refused("more than the memory", Run(directory, path, machine="micro"),
            "choose a larger machine")
    with open(picture, "rb") as whole, open(path, "wb") as half:
        half.write(whole.read()[:4000])
    refused("a truncated picture", Run(directory, path), "InvalidInput")
    with open(path, "w", encoding="ascii") as file:
        file.write('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
    refused("a vector graphic", Run(directory, path), "is not a JPEG, PNG, WebP, GIF, TIFF")
    refused("a bad payload", Run(directory, picture, {"variants": [{"name": "a", "width": -1}]}),
            "variants[0].width")


def cancelled(directory, picture):
    run = Run(directory, picture, {"variants": [
        {"name": "a", "width": 3500, "format": "avif", "effort": 9, "quality": 95,
         "without_enlargement": False}]}, stop_after=1.5)
    check("SIGTERM", run, [("exit status 75", run.status == 75),
                           ("no half file", not run.files)])


def main():
    if os.geteuid() != 0 or not shutil.which("vips"):
        print("needs root and the vips program")
        return 77
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        picture = os.path.join(directory, "picture.jpg")
        subprocess.run(["vips", "gaussnoise", picture, "2400", "1600"], check=True, timeout=60)
        good(directory, picture)
        hostile(directory, picture)
        cancelled(directory, picture)
    print(f"{len(FAILED)} failed")
    return 1 if FAILED else 0


sys.exit(main())
