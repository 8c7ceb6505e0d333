# SPDX-License-Identifier: Apache-2.0
"""What every transcoded file must be: one timeline without a gap, every frame, nothing to complain
about for a decoder."""
from video_media import check, decode_complaints, frame_similarity, packets, probe, streams


def check_timeline(name, path):
    for stream in ("v:0", "a:0"):
        rows = packets(path, stream)
        if not rows:
            continue
        decode = [int(row["dts"]) for row in rows]
        check(all(a < b for a, b in zip(decode, decode[1:])), f"{name}: {stream} dts increase")
        check(all(int(row["pts"]) >= int(row["dts"]) for row in rows),
              f"{name}: {stream} is decoded before it is shown")
        shown = sorted((int(row["pts"]), int(row["duration"])) for row in rows)
        check(len({pts for pts, _ in shown}) == len(shown), f"{name}: {stream} pts are unique")
        gaps = [b[0] - a[0] - a[1] for a, b in zip(shown, shown[1:])]
        unit = shown[0][1]
        check(all(abs(gap) <= max(1, unit // 2) for gap in gaps),
              f"{name}: {stream} has no gap")


def check_keyframes(name, path, seconds):
    base = streams(path)[0]["time_base"].split("/")
    tick = int(base[0]) / int(base[1])
    rows = packets(path, "v:0")
    keys = sorted(int(row["pts"]) * tick for row in rows if "K" in row["flags"])
    end = max(int(row["pts"]) * tick for row in rows)
    distances = [b - a for a, b in zip(keys, keys[1:] + [end])]
    check(max(distances) <= seconds + 0.06,
          f"{name}: keyframes are at most {seconds} s apart ({max(distances):.2f})")


def check_video(name, path, reference, frames, duration, width, height, least_ssim=0.93):
    video = next(s for s in streams(path) if s["codec_type"] == "video")
    counted = probe(path, "-count_frames", "-select_streams", "v:0", "-show_entries",
                    "stream=nb_read_frames")["streams"][0]
    check(video["codec_name"] == "h264", f"{name}: is H.264")
    check((video["width"], video["height"]) == (width, height),
          f"{name}: is {width}x{height} ({video['width']}x{video['height']})")
    check(int(counted["nb_read_frames"]) == frames,
          f"{name}: has {frames} frames ({counted['nb_read_frames']})")
    check(abs(float(video["duration"]) - duration) < 0.05,
          f"{name}: lasts {duration} s ({video['duration']})")
    complaints = decode_complaints(path)
    check(complaints == "", f"{name}: decodes without complaint {complaints[:200]}")
    similar = frame_similarity(path, reference, width, height)
    worst = min(similar)
    check(len(similar) == frames and worst >= least_ssim,
          f"{name}: every frame is the input's (worst SSIM {worst:.4f} at "
          f"{similar.index(worst)} of {len(similar)})")
    check_timeline(name, path)
