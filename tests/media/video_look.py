#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""video.probe and video.thumbnail: what they say is what ffprobe says, and the image is the frame."""
import os
import subprocess

from video_media import (PERMANENT, check, clean_environment, ffmpeg, finish, need_tools, pictures,
                         probe, run_task, sound, work_directory)

KINDS = {
    "h264.mp4": ["-c:v", "libx264", "-c:a", "aac"],
    "end.mov": ["-c:v", "libx264", "-c:a", "pcm_s16le"],
    "hevc.mkv": ["-c:v", "libx265", "-x265-params", "log-level=none", "-c:a", "flac"],
    "vp9.webm": ["-c:v", "libvpx-vp9", "-b:v", "500k", "-deadline", "realtime", "-c:a", "libopus"],
    "mpeg2.ts": ["-c:v", "mpeg2video", "-c:a", "mp2"],
    "mpeg4.avi": ["-c:v", "mpeg4", "-c:a", "libmp3lame"],
    "h264.flv": ["-c:v", "libx264", "-c:a", "aac"],
}
NAMES = {"codec_name": "codec", "width": "width", "height": "height", "pix_fmt": "pixel_format",
         "avg_frame_rate": "average_frame_rate", "profile": "profile", "channels": "channels",
         "color_transfer": "color_transfer", "color_primaries": "color_primaries"}


def test_probe():
    for path, codecs in KINDS.items():
        ffmpeg(*pictures(4), *sound(4, 48000), *codecs, "-g", "24", path)
        expected = probe(path, "-show_streams", "-show_format")
        result = run_task("video-probe", path)
        check(result.status == 0, f"probe {path}: ends well ({result.failure})")
        output = result.output
        check(abs(output["duration"] - float(expected["format"]["duration"])) < 0.01,
              f"probe {path}: duration {output['duration']}")
        for theirs, ours in zip(expected["streams"], output["streams"]):
            for name, our_name in NAMES.items():
                if name in theirs and theirs[name] not in ("0/0", "unknown", "reserved"):
                    check(str(theirs[name]) == str(ours.get(our_name)),
                          f"probe {path}: {name} {theirs[name]} {ours.get(our_name)}")
    check(run_task("video-probe", "h264.mp4").output["header_only"],
          "probe: an MP4's header is enough")
    deep = run_task("video-probe", "h264.mp4", {"deep": True}).output["streams"][0]["packets"]
    check((deep["count"], deep["keyframes"]) == (96, 4), f"probe: deep counts packets {deep}")
    check(abs(deep["longest_keyframe_distance"] - 1) < 0.01, "probe: and keyframe distances")


def test_colours():
    ffmpeg(*pictures(1), "-pix_fmt", "yuv420p10le", "-c:v", "libx265", "-x265-params",
           "log-level=none:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:"
           "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
           ":max-cll=1000,400", "hdr.mp4")
    stream = run_task("video-probe", "hdr.mp4").output["streams"][0]
    check(stream.get("hdr", {}).get("kind") == "HDR10" and stream["bit_depth"] == 10,
          f"colours: HDR10 is seen ({stream.get('hdr')})")
    ffmpeg("-i", "h264.mp4", "-c", "copy", "-metadata:s:v", "rotate=90", "-metadata:s:a",
           "language=deu", "turned.mp4")
    video, audio = run_task("video-probe", "turned.mp4").output["streams"]
    check(video["rotation"] == 270 and video["display_width"] == 180,
          f"colours: rotation is seen ({video['rotation']}, {video['display_width']})")
    check(audio["language"] == "deu", "colours: language is seen")


def numbered(seconds):
    """A video whose luma says which frame it is: 2 a frame, from 20 on."""
    ffmpeg("-f", "lavfi", "-i", f"color=c=black:s=64x64:r=10:d={seconds}", "-vf",
           "geq=lum='20+2*N':cb=128:cr=128", "-c:v", "libx264", "-qp", "1", "-g", "20", "-bf", "2",
           "-pix_fmt", "yuv420p", "-sc_threshold", "0", "numbered.mp4")


def luma_of(path):
    done = subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-i", path, "-vf",
                           "scale=in_range=full:out_range=full,format=gray,scale=1:1", "-f",
                           "rawvideo", "-"],
                          stdout=subprocess.PIPE, check=True, env=clean_environment())
    return done.stdout[0]


def frame_number(luma):
    """Full range of the image, limited range of the video."""
    return round(((luma * 219 / 255 + 16) - 20) / 2)


def test_moments():
    numbered(9)
    moments = ((0, False, 0), (2.9, False, 20), (3.1, False, 40), (3.1, True, 31),
               (5.97, True, 60), (100, True, 89), (100, False, 80), ("50%", False, 40),
               ("50%", True, 45), ("1s", True, 10))
    for at, exact, expected in moments:
        result = run_task("video-thumbnail", "numbered.mp4",
                          {"at": at, "exact": exact, "format": "png", "name": "frame"})
        check(result.status == 0, f"moment {at}: ends well ({result.failure})")
        number = frame_number(luma_of("out/frame.png"))
        check(number == expected, f"moment {at} exact {exact}: frame {number}, wanted {expected}")
        check(abs(result.output["actual"] - expected / 10) < 0.01,
              f"moment {at}: says {result.output['actual']} s")
        check(result.output["keyframe"] == (expected % 20 == 0), f"moment {at}: keyframe or not")
    for at in (-1, "x", "101%", [], "1e999%"):
        result = run_task("video-thumbnail", "numbered.mp4", {"at": at})
        check(result.status == PERMANENT and "at" in result.failure["message"],
              f"moment {at}: is refused ({result.failure})")


def test_images():
    for path in KINDS:
        result = run_task("video-thumbnail", path, {"at": 2.1, "width": 160, "name": "image"})
        check(result.status == 0 and result.output["width"] == 160,
              f"image of {path}: {result.failure or result.output}")
        check(result.status == 0 and abs(result.output["actual"] - 2) < 0.2,
              f"image of {path}: is the keyframe at 2 s ({(result.output or {}).get('actual')})")
    for form, extension in (("jpeg", "jpg"), ("png", "png"), ("webp", "webp")):
        result = run_task("video-thumbnail", "turned.mp4", {"format": form, "height": 160,
                                                            "name": "turned"})
        size = probe(f"out/turned.{extension}", "-show_streams")["streams"][0]
        check((size["width"], size["height"]) == (90, 160), f"image: {form} is upright and small")
    ffmpeg(*pictures(1), "-vf", "setsar=2", "-c:v", "libx264", "stretched.mp4")
    output = run_task("video-thumbnail", "stretched.mp4").output
    check((output["width"], output["height"]) == (640, 180), "image: pixels are made square")
    check(not [name for name in os.listdir("out") if name.startswith(".")],
          "image: nothing temporary is left")


need_tools()
work_directory("video-look")
for test in (test_probe, test_colours, test_moments, test_images):
    print(f"-- {test.__name__}", flush=True)
    test()
finish()
