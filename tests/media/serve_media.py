#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The built-in media tasks as runs of `berth serve`: their files are in the operator's place, and
belong to its owner; a transcode outlives its supervisor, a reload and its launcher."""
import contextlib
import json
import os
import sqlite3
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))

from daemon import Daemon, wait_until  # noqa: E402
from video_check import check_video  # noqa: E402
from video_media import (check, ffmpeg, finish, need_tools, pictures, probe, sound, streams)  # noqa: E402

OWNER = 12345
SECONDS = 60
PATIENCE_S = 300
if os.geteuid() != 0:
    print("mapping owners needs root")
    sys.exit(77)


def media(place, name, *arguments):
    """A file that only its owner may read."""
    path = os.path.join(place, name)
    ffmpeg(*arguments, path)
    os.chown(path, OWNER, OWNER)
    os.chmod(path, 0o600)
    return path


def expect_owned(name, path):
    found = [os.path.join(at, file) for at, folders, files in os.walk(path)
             for file in files + folders]
    check(found and all(os.lstat(file).st_uid == OWNER and os.lstat(file).st_gid == OWNER
                        for file in found), f"{name}: its owner's are {sorted(os.listdir(path))}")
    return found


def run_task(daemon, task, source, output=None, payload=None):
    words = ["--input", source] + (["--output", output] if output else [])
    run = daemon.wait(daemon.trigger(task, *words, payload=payload), patience_s=PATIENCE_S)
    check(run["status"] == "COMPLETED", f"{task}: {run['status']} {run['error'] or ''}")
    return run


def place_of(daemon, name):
    path = os.path.join(daemon.directory, "media", name)
    os.mkdir(path)
    os.chown(path, OWNER, OWNER)
    return path


def test_small(daemon, place):
    clip = media(place, "clip.mp4", *pictures(2), *sound(2), "-c:v", "libx264", "-c:a", "aac")
    photo = media(place, "photo.jpg", *pictures(1, size="1280x720"), "-frames:v", "1")
    run = run_task(daemon, "video.probe", clip)
    check(any(track.get("codec") == "h264" for track in run["output"].get("streams", [])) and
          run["outputDirectory"] is None,
          "video.probe: says what it is")
    out = place_of(daemon, "thumbnail")
    run_task(daemon, "video.thumbnail", clip, out, {"width": 160})
    made = expect_owned("video.thumbnail", out)
    check(streams(made[0])[0]["width"] == 160, "video.thumbnail: 160 wide")
    out = place_of(daemon, "variants")
    run_task(daemon, "image.variants", photo, out)
    made = expect_owned("image.variants", out)
    check(len(made) >= 3 and all(probe(file, "-show_streams")["streams"] for file in made),
          f"image.variants: {len(made)} pictures")
    out = place_of(daemon, "small")
    run_task(daemon, "video.transcode", clip, out, {"name": "small", "force": True})
    expect_owned("video.transcode", out)
    check(abs(float(streams(os.path.join(out, "small.mp4"))[0]["duration"]) - 2) < 0.05,
          "video.transcode: 2 s")


def wait_for_segment(daemon, run):
    """It is at work, and has finished a part of it; a client is not shown what a checkpoint says."""
    def has_saved():
        with contextlib.closing(sqlite3.connect(f"file:{daemon.state}/berth.db?mode=ro",
                                                uri=True)) as store:
            rows = store.execute("SELECT data FROM checkpoints WHERE run_id = "
                                 "(SELECT max(id) FROM runs)").fetchall()
        return any(json.loads(data)["segments_done"] > 0 for data, in rows) and \
            daemon.show(run)["status"] == "EXECUTING"
    wait_until(has_saved, "a segment", PATIENCE_S)


def test_deaths(daemon, place):
    """A supervisor's death and a reload are not noticed; after the launcher's it goes on."""
    film = media(place, "film.mp4", *pictures(SECONDS, size="640x360"), *sound(SECONDS), "-c:v",
                 "libx264", "-preset", "veryfast", "-b:v", "3M", "-g", "120", "-c:a", "aac")
    out = place_of(daemon, "out")
    run = daemon.trigger("video.transcode", "--input", film, "--output", out,
                         payload={"name": "film", "bitrate": 1500000, "force": True})
    wait_for_segment(daemon, run)
    daemon.kill_supervisor()
    daemon.wait_for_answer()
    daemon.run("reload")
    daemon.wait_for_answer()
    now = daemon.show(run)
    check(now["status"] == "EXECUTING" and now["attemptCount"] == 1,
          f"film: it goes on without its supervisor ({now['status']})")
    daemon.kill()
    check(not os.path.exists(os.path.join(out, "film.mp4")), "film: it was killed before its end")
    daemon.start()
    now = daemon.wait(run, patience_s=PATIENCE_S)
    check(now["status"] == "COMPLETED" and now["interruptions"] == 1,
          f"film: {now['status']} after {now['interruptions']} interruption")
    check(now["inputs"] == [film] and now["outputDirectory"] == out, "film: it was given the same")
    result = now["output"] or {}
    check(result.get("frames_resumed", 0) > 0,
          f"film: it went on from its segments ({json.dumps(result)[:300]})")
    made = expect_owned("film", out)
    check(made == [os.path.join(out, "film.mp4")], "film: it alone is left")
    check_video("film", made[0], film, frames=24 * SECONDS, duration=SECONDS, width=640, height=360)


need_tools()
served = Daemon()
try:
    home = os.path.join(served.directory, "media")
    os.mkdir(home)
    os.chown(home, OWNER, OWNER)
    os.chmod(home, 0o700)
    served.policy = ["allow-mount defaults", f"allow-mount {home} rw"]
    served.start()
    test_small(served, home)
    test_deaths(served, home)
    served.stop()
    check(served.left_over() == [], f"nothing is left on the host {served.left_over()}")
finally:
    served.remove()
finish()
