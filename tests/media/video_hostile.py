#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hostile media: whatever a file holds, a task ends soon, inside a memory limit, without a crash, and
a file that cannot be read is refused for good. The seed of the random damage is printed."""
import os
import random
import resource
import struct
import subprocess
import time

from video_media import (PERMANENT, PROGRAMS, check, environment_of, ffmpeg, finish, need_tools,
                         parse_messages, pictures, sound, work_directory)

TASKS = ("video-probe", "video-thumbnail", "video-transcode")
LIMIT_S = 60
MEMORY_KB = 1024 * 1024
FLIPPED_FILES = 24


def run(program, path, payload=None):
    environment = environment_of(payload or {}, path)
    process = subprocess.Popen([os.path.join(PROGRAMS, program)], env=environment, text=True,
                               stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, errors="replace")
    started = time.monotonic()
    try:
        _, text = process.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return None, [], LIMIT_S
    return process.returncode, parse_messages(text), time.monotonic() - started


def hostile(name, path, tasks=TASKS, refused=True, payload=None):
    """refused: it must end in a permanent error; otherwise it may also succeed."""
    for program in tasks:
        status, messages, wall_s = run(program, path, payload)
        failure = [m for m in messages if m.get("op") == "fail"]
        text = failure[-1]["message"] if failure else ""
        garbage = [m["text"] for m in messages if m.get("op") == "garbage"]
        wanted = (PERMANENT,) if refused else (0, PERMANENT)
        check(status in wanted, f"{name}: {program} ends with {status} in {wall_s:.1f} s: {text} "
              + " ".join(garbage)[:300])
        if status == PERMANENT:
            check(failure and failure[-1]["kind"] == "permanent" and text != "",
                  f"{name}: {program} says why")


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def read(path):
    with open(path, "rb") as file:
        return bytearray(file.read())


def test_no_media():
    write("empty", b"")
    write("text", b"hello\n" * 1000)
    write("playlist.m3u8", b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile:///etc/passwd\n"
          b"#EXT-X-ENDLIST\n")
    write("concat.ffconcat", b"ffconcat version 1.0\nfile /etc/passwd\nduration 5\n")
    write("session.sdp", b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\n"
          b"m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n")
    write("noise", random.Random(1).randbytes(300000))
    os.makedirs("directory", exist_ok=True)
    os.mkfifo("fifo")
    os.symlink("/dev/zero", "zero")
    with open("sparse", "wb") as file:
        file.truncate(20 << 30)
    for path in ("empty", "text", "playlist.m3u8", "concat.ffconcat", "session.sdp", "noise",
                 "directory", "fifo", "zero", "sparse", "no-such-file"):
        hostile(path, path)


def test_truncated(source):
    """Cut anywhere: the transcode refuses it, the others may still see its beginning."""
    data = read(source)
    name, extension = os.path.splitext(source)
    for share in (1, 5, 20, 50, 80, 95):
        path = f"{name}-{share}{extension}"
        write(path, data[:len(data) * share // 100])
        hostile(path, path, TASKS[:2], refused=False)
        hostile(path, path, TASKS[2:], refused=extension in (".mp4",))


def test_flipped(source, seed):
    data = read(source)
    name, extension = os.path.splitext(source)
    generator = random.Random(seed)
    for number in range(FLIPPED_FILES):
        damaged = bytearray(data)
        where = len(data) if number % 2 else min(len(data), 3000)
        for _ in range(1 << generator.randrange(10)):
            damaged[generator.randrange(where)] = generator.randrange(256)
        path = f"{name}-flipped-{number}{extension}"
        write(path, damaged)
        hostile(path, path, refused=False, payload={"name": "flipped"} if number % 3 else None)
        os.unlink(path)


def patch_sizes(data, width, height):
    """Writes another picture size into the sample description of an MP4."""
    at = data.find(b"avc1")
    data[at + 28:at + 32] = struct.pack(">HH", width, height)
    track = data.find(b"tkhd")
    data[track + 80:track + 88] = struct.pack(">II", width << 16, height << 16)
    return data


def exp_golomb(value):
    bits = bin(value + 1)[2:]
    return "0" * (len(bits) - 1) + bits


def huge_stream(side):
    """An H.264 elementary stream whose header asks for side x side pixels."""
    macroblocks = side // 16
    bits = exp_golomb(0) + exp_golomb(0) + exp_golomb(0) + exp_golomb(2) + exp_golomb(1) + "0"
    bits += exp_golomb(macroblocks - 1) + exp_golomb(macroblocks - 1) + "1" + "1" + "0" + "0" + "1"
    bits += "0" * (-len(bits) % 8)
    header = b"\x00\x00\x00\x01\x67\x42\x00\x33" + int(bits, 2).to_bytes(len(bits) // 8, "big")
    picture = b"\x00\x00\x00\x01\x68\xce\x38\x80" + b"\x00\x00\x00\x01\x65\x88\x84" + b"\xff" * 64
    return header + picture * 50


def test_huge():
    """A header may ask for a billion pixels: none are allocated."""
    write("huge.mp4", patch_sizes(read("small.mp4"), 65535, 65535))
    hostile("huge.mp4", "huge.mp4", refused=False)
    write("wide.mp4", patch_sizes(read("small.mp4"), 65535, 16))
    hostile("wide.mp4", "wide.mp4", refused=False)
    write("huge.h264", huge_stream(32000))
    hostile("huge.h264", "huge.h264")
    gif = bytearray(b"GIF89a\xff\xff\xff\xff\x80\x00\x00\x00\x00\x00\xff\xff\xff")
    gif += b"\x2c\x00\x00\x00\x00\xff\xff\xff\xff\x00\x02\x02\x4c\x01\x00\x3b"
    write("huge.gif", gif)
    hostile("huge.gif", "huge.gif")


def test_endless():
    """A stream that never ends or never yields a picture: limits stop it."""
    write("start-codes.h264", b"\x00\x00\x00\x01\x65" * 2000000)
    hostile("start-codes.h264", "start-codes.h264")
    write("sync.ts", (b"\x47" + b"\x1f\xff\x10" + b"\xff" * 184) * 100000)
    hostile("sync.ts", "sync.ts")
    write("frames.mp3", b"\xff\xfb\x90\x64" + b"\x00" * 413)
    hostile("frames.mp3", "frames.mp3", TASKS[1:])
    data = read("small.ts")
    at = 0
    for _ in range(5):
        at = data.find(b"\x00\x00\x01\xc0", at + 1)
    data[at + 9] ^= 0x06
    write("jump.ts", data)  # ten hours between two timestamps of the sound
    hostile("jump.ts", "jump.ts", TASKS[2:])
    data = read("small.mp4")
    at = data.find(b"stts")
    data[at + 8:at + 20] = struct.pack(">III", 1, 0x7fffffff, 0x7fffffff)
    write("years.mp4", data)
    hostile("years.mp4", "years.mp4", refused=False)
    data = read("small.mp4")
    at = data.find(b"stsz")
    data[at + 12:at + 16] = struct.pack(">I", 0xffffffff)
    write("samples.mp4", data)
    hostile("samples.mp4", "samples.mp4", refused=False)


need_tools()
work_directory("video-hostile")
SEED = int(os.environ.get("BERTH_TEST_SEED") or time.time_ns() % 1000000)
print(f"seed {SEED} (BERTH_TEST_SEED)", flush=True)
ffmpeg(*pictures(3), *sound(3), "-c:v", "libx264", "-c:a", "aac", "-movflags", "+faststart",
       "small.mp4")
ffmpeg(*pictures(3), *sound(3), "-c:v", "libvpx", "-c:a", "libopus", "small.webm")
ffmpeg(*pictures(3), *sound(3), "-c:v", "mpeg2video", "-c:a", "mp2", "small.ts")
test_no_media()
test_huge()
test_endless()
for small in ("small.mp4", "small.webm", "small.ts"):
    test_truncated(small)
    test_flipped(small, SEED)
peak_kb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
if "BERTH_SANITIZED" not in os.environ:
    check(peak_kb < MEMORY_KB, f"the largest process had {peak_kb // 1024} MiB")
finish()
