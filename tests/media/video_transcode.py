#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""video.transcode on inputs of many kinds: what comes out is checked frame by frame."""
import os
import subprocess

from video_check import check_keyframes, check_video
from video_media import (PERMANENT, PROGRAMS, check, clean_environment, environment_of, ffmpeg,
                         finish, frame_similarity, need_tools, parse_messages, pictures, probe, run_task, sound,
                         streams, work_directory)

FAST = {"preset": "veryfast", "bitrate": 1500000, "segment_gops": 1, "force": True}


def transcode(name, path, payload=None, **expect):
    settings = dict(FAST, name=name, **(payload or {}))
    result = run_task("video-transcode", path, settings)
    if not check(result.status == 0, f"{name}: ends well ({result.failure})"):
        return None
    output = f"out/{name}.mp4"
    if expect:
        check_video(name, output, path, **expect)
        check(result.output["frames"] == expect["frames"], f"{name}: says how many frames")
        check(result.output["video"] == "encoded", f"{name}: says that it was encoded")
    check(not os.listdir("checkpoint/segments"), f"{name}: leaves no segments behind")
    check(not [f for f in os.listdir("out") if f.endswith(".part")], f"{name}: leaves no part file")
    return result


def test_plain():
    ffmpeg(*pictures(9), *sound(9), "-c:v", "libx264", "-g", "250", "-c:a", "aac", "-ac", "2",
           "plain.mp4")
    result = transcode("plain", "plain.mp4", frames=216, duration=9, width=320, height=180)
    check_keyframes("plain", "out/plain.mp4", 2)
    video, audio = streams("out/plain.mp4")
    check(video["profile"] == "High" and video["level"] == 41, "plain: is high@4.1")
    check((audio["codec_name"], audio["sample_rate"], audio["channels"]) == ("aac", "48000", 2),
          "plain: has AAC at 48 kHz in stereo")
    check(abs(float(audio["duration"]) - 9) < 0.05, "plain: the audio is as long")
    check(float(video["start_time"]) == 0 and float(audio["start_time"]) == 0,
          "plain: both start at 0")
    check(result.output["segments"] == 5, f"plain: five segments ({result.output['segments']})")
    percents = [m["percent"] for m in result.messages if m.get("op") == "progress"]
    check(percents == sorted(percents) and all(0 <= p <= 100 for p in percents),
          "plain: progress only goes up")
    with open("out/plain.mp4", "rb") as file:
        head = file.read(4096)
    check(b"moov" in head, "plain: the index is at the front")


def test_containers():
    """B-frames, odd time bases, no reordering information, several frame rates."""
    kinds = {
        "matroska": ("24000/1001", ["-c:v", "libx264", "-bf", "3", "-c:a", "libopus"], "mkv"),
        "webm": ("30", ["-c:v", "libvpx", "-b:v", "2M", "-c:a", "libvorbis"], "webm"),
        "transport": ("25", ["-c:v", "mpeg2video", "-b:v", "4M", "-bf", "2", "-c:a", "mp2"], "ts"),
        "interleave": ("15", ["-c:v", "mpeg4", "-b:v", "3M", "-an"], "avi"),
        "flash": ("30000/1001", ["-c:v", "libx264", "-c:a", "aac"], "flv"),
        "quicktime": ("60", ["-c:v", "prores", "-c:a", "pcm_s16le"], "mov"),
        "hevc": ("25", ["-c:v", "libx265", "-x265-params", "log-level=none:open-gop=1", "-an"],
                 "mp4"),
        "silent": ("5", ["-c:v", "libx264", "-an"], "mp4"),
    }
    for name, (rate, codecs, extension) in kinds.items():
        path = f"{name}.{extension}"
        numerator, _, denominator = rate.partition("/")
        fps = float(numerator) / float(denominator or 1)
        ffmpeg(*pictures(5, rate=rate), *sound(5), *codecs, path)
        frames = int(probe(path, "-count_frames", "-select_streams", "v:0", "-show_entries",
                           "stream=nb_read_frames")["streams"][0]["nb_read_frames"])
        transcode(name, path, frames=frames, duration=frames / fps, width=320, height=180,
                  least_ssim=0.9)
        check_keyframes(name, f"out/{name}.mp4", 2)


def test_variable_rate():
    """Every frame keeps its own time: nothing is dropped or doubled."""
    ffmpeg(*pictures(6, rate="30"), "-vf", "select='not(mod(n,3))+lt(t,2)'", "-vsync", "vfr",
           "-c:v", "libx264", "vfr.mkv")
    frames = probe("vfr.mkv", "-show_entries", "frame=best_effort_timestamp_time",
                   "-select_streams", "v:0")["frames"]
    result = transcode("vfr", "vfr.mkv")
    written = probe("out/vfr.mp4", "-show_entries", "frame=best_effort_timestamp_time",
                    "-select_streams", "v:0")["frames"]
    check(result is not None and len(frames) == len(written),
          f"vfr: as many frames ({len(written)} of {len(frames)})")
    times = [[float(f["best_effort_timestamp_time"]) for f in rows] for rows in (frames, written)]
    shift = times[0][0]
    check(all(abs(a - shift - b) < 0.0015 for a, b in zip(*times)), "vfr: every frame at its time")


def test_sizes():
    ffmpeg(*pictures(1, size="2560x1440"), "-c:v", "libx264", "-preset", "ultrafast", "wide.mp4")
    transcode("wide", "wide.mp4", {"max_width": 640}, frames=24, duration=1, width=640, height=360)
    ffmpeg(*pictures(1, size="321x181"), "-c:v", "libx264", "-pix_fmt", "yuv444p", "odd.mp4")
    transcode("odd", "odd.mp4", frames=24, duration=1, width=320, height=180, least_ssim=0.8)
    ffmpeg(*pictures(1), "-c:v", "ffv1", "-pix_fmt", "bgr0", "rgb.mkv")
    transcode("rgb", "rgb.mkv", frames=24, duration=1, width=320, height=180)
    ffmpeg(*pictures(1, size="640x360"), "-c:v", "libx264", "upright.mp4")
    ffmpeg("-i", "upright.mp4", "-c", "copy", "-metadata:s:v", "rotate=90", "turned.mp4")
    transcode("turned", "turned.mp4", {"max_width": 180})
    video = streams("out/turned.mp4")[0]
    check((video["width"], video["height"]) == (320, 180), "turned: 180 wide as displayed")
    check(any(abs(data.get("rotation", 0)) == 90 for data in video.get("side_data_list", [])),
          "turned: the display matrix is kept")
    result = transcode("fast", "wide.mp4", {"max_width": 2560})
    check(streams("out/fast.mp4")[0]["level"] == 50, "fast: the level is raised to hold 2560x1440")
    check(any("needs level 5.0" in line for line in result.logs), "fast: and it says so")


def combed(path):
    """How many frames look interlaced, by libavfilter's idet."""
    done = subprocess.run(["ffmpeg", "-nostdin", "-i", path, "-vf", "idet", "-f", "null", "-"], text=True,
                          stderr=subprocess.PIPE, check=True, env=clean_environment())
    line = [row for row in done.stderr.splitlines() if "Multi frame detection" in row][-1].split()
    return int(line[line.index("TFF:") + 1]) + int(line[line.index("BFF:") + 1])


def test_interlaced():
    """Fields of two moments become frames of one, each at its time."""
    flags = ["-flags", "+ildct+ilme", "-top", "1"]
    for name, codec in (("mpeg2", ["-c:v", "mpeg2video", "-b:v", "8M"]), ("h264", ["-c:v", "libx264", "-crf", "12"])):
        path = f"{name}-interlaced.mkv"
        ffmpeg(*pictures(4, rate="50"), "-vf", "tinterlace=interleave_top", *codec, *flags, path)
        # what both fields were taken from
        ffmpeg(*pictures(4, rate="50"), "-vf", "select='not(mod(n,2))',setpts=N/25/TB", "-r", "25", "-c:v",
               "libx264", "-crf", "12", f"{name}-whole.mkv")
        result = transcode(f"{name}-auto", path, frames=100, duration=4, width=320, height=180, least_ssim=0.5)
        check(result and result.output["frames_deinterlaced"] == 100, f"{name}: says that 100 frames were deinterlaced")
        check(any("deinterlaced" in line for line in result.logs), f"{name}: also in the log")
        result = transcode(f"{name}-off", path, {"deinterlace": "off"}, frames=100, duration=4, width=320, height=180)
        check(result and result.output["frames_deinterlaced"] == 0, f"{name}: off is off")
        counts = [combed(f"out/{name}-{mode}.mp4") for mode in ("auto", "off")]
        check(counts[0] <= 10 and counts[1] >= 90, f"{name}: auto leaves no combs, off leaves all ({counts})")
        likeness = []
        for mode in ("auto", "off"):
            similar = frame_similarity(f"out/{name}-{mode}.mp4", f"{name}-whole.mkv", 320, 180)
            likeness.append(sum(similar) / len(similar))
        check(likeness[0] > likeness[1], f"{name}: deinterlaced is nearer to the original ({likeness})")
    ffmpeg(*pictures(2, rate="25"), "-c:v", "libx264", "progressive.mp4")
    result = transcode("progressive", "progressive.mp4", frames=50, duration=2, width=320, height=180)
    check(result and result.output["frames_deinterlaced"] == 0, "progressive: auto leaves it alone")
    result = transcode("told", "progressive.mp4", {"deinterlace": "on"}, frames=50, duration=2, width=320, height=180,
                       least_ssim=0.5)
    check(result and result.output["frames_deinterlaced"] == 50, "told: on takes every frame")
    # it ends in another size: the frames in the filter come out first, none is lost
    ffmpeg(*pictures(2, rate="50", size="640x360"), "-vf", "tinterlace=interleave_top", "-c:v", "mpeg2video", "-b:v",
           "8M", *flags, "large.ts")
    ffmpeg(*pictures(2, rate="50"), "-vf", "tinterlace=interleave_top", "-c:v", "mpeg2video", "-b:v", "8M",
           "-output_ts_offset", "2", *flags, "small.ts")
    with open("both.ts", "wb") as both:
        for part in ("large.ts", "small.ts"):
            with open(part, "rb") as file:
                both.write(file.read())
    result = transcode("both", "both.ts")
    without = transcode("both-off", "both.ts", {"deinterlace": "off"})
    check(result and result.output["frames"] == result.output["frames_deinterlaced"] ==
          without.output["frames"] >= 98, f"both: every frame of both sizes ({result and result.output})")
    result = run_task("video-transcode", "progressive.mp4", {"deinterlace": "maybe"})
    check(result.status == PERMANENT and "deinterlace" in result.failure["message"],
          f"maybe: is refused by name ({result.failure})")


def brightness(path):
    """The mean of every plane over the file."""
    rows = subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-i", path, "-vf",
                           "format=yuv420p,signalstats,metadata=print:file=-", "-f", "null", "-"], text=True,
                          stdout=subprocess.PIPE, check=True, env=clean_environment()).stdout.splitlines()
    means = []
    for key in ("YAVG", "UAVG", "VAVG"):
        values = [float(row.split("=")[1]) for row in rows if f".{key}=" in row]
        means.append(sum(values) / len(values))
    return means


def test_hdr():
    """PQ and HLG come out as BT.709, and look like the SDR picture that they were made from, its white at
    203 cd/m² as ITU-R BT.2408 has it."""
    plain = "format=yuv420p,setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"
    ffmpeg(*pictures(2), "-vf", plain, "-c:v", "libx264", "-crf", "12", "sdr.mkv")
    reference = brightness("sdr.mkv")
    for name, transfer, label, codec in (("pq", "smpte2084", "PQ", ["libx265", "-x265-params", "log-level=none"]),
                                         ("hlg", "arib-std-b67", "HLG", ["libx264"])):
        path = f"{name}.mkv"
        graph = (f"{plain},zscale=t=linear:npl=203,"
                 f"format=gbrpf32le,zscale=p=bt2020:t={transfer}:m=bt2020nc:r=tv:npl=203,format=yuv420p10le")
        tags = ["-color_primaries", "bt2020", "-color_trc", transfer, "-colorspace", "bt2020nc", "-color_range", "tv"]
        ffmpeg(*pictures(2), "-vf", graph, "-c:v", *codec, *tags, path)
        check(streams(path)[0].get("color_transfer") == transfer, f"{name}: the input is tagged")
        result = transcode(name, path, frames=48, duration=2, width=320, height=180, least_ssim=0.1)
        check(result and result.output["tone_mapped"] == label, f"{name}: says so ({result and result.output})")
        check(any(label in line and "tone-mapped" in line for line in result.logs), f"{name}: also in the log")
        video = streams(f"out/{name}.mp4")[0]
        colours = [video.get(key) for key in ("color_transfer", "color_primaries", "color_space", "pix_fmt")]
        check(colours == ["bt709", "bt709", "bt709", "yuv420p"], f"{name}: is BT.709 ({colours})")
        off = [abs(a - b) for a, b in zip(brightness(f"out/{name}.mp4"), reference)]
        check(max(off) < 8, f"{name}: looks like the original ({off})")
    transcode("hdr-small", "pq.mkv", {"max_width": 160}, frames=48, duration=2, width=160, height=90, least_ssim=0.1)
    # 8-bit H.264 that would be copied but for its colours
    ffmpeg(*pictures(2), "-c:v", "libx264", "-b:v", "500k", "-g", "24", "-color_primaries", "bt2020", "-color_trc",
           "smpte2084", "-colorspace", "bt2020nc", "tagged.mp4")
    result = run_task("video-transcode", "tagged.mp4", {"name": "tagged"})
    check(result.status == 0 and result.output["video"] == "encoded" and any("HDR (PQ)" in x for x in result.logs),
          f"tagged: HDR is not copied ({result.logs})")
    result = transcode("plain-colours", "sdr.mkv", frames=48, duration=2, width=320, height=180)
    check(result and result.output["tone_mapped"] is None, "sdr: is not tone-mapped")


def test_sound():
    """The audio stays in step: a late start, a gap, another rate, many channels."""
    ffmpeg(*pictures(6), "-itsoffset", "1.5", *sound(3, 22050), "-map", "0:v", "-map", "1:a",
           "-c:v", "libx264", "-c:a", "pcm_s16le", "late.mkv")
    transcode("late", "late.mkv", frames=144, duration=6, width=320, height=180)
    audio = streams("out/late.mp4")[1]
    times = [float(audio["start_time"]), float(audio["start_time"]) + float(audio["duration"])]
    check(abs(times[0] - 1.5) < 0.03, f"late: the tone begins at 1.5 s ({times})")
    check(abs(packet_end("out/late.mp4") - 4.5) < 0.03,
          f"late: the tone ends at 4.5 s ({packet_end('out/late.mp4')})")
    ffmpeg(*pictures(6), "-f", "lavfi", "-i", "sine=f=440:r=48000:d=6", "-af",
           "aselect='lt(t,2)+gt(t,4)'", "-c:v", "libx264", "-c:a", "pcm_s16le", "gap.mkv")
    transcode("gap", "gap.mkv", frames=144, duration=6, width=320, height=180)
    times = onset("out/gap.mp4")
    check(times[0] < 0.03 and abs(times[1] - 6) < 0.06, f"gap: both tones are in place ({times})")
    ffmpeg(*pictures(2), "-f", "lavfi", "-i", "anoisesrc=d=2:r=44100", "-af",
           "pan=5.1|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0", "-c:v", "libx264", "-c:a", "flac",
           "many.mkv")
    transcode("many", "many.mkv", frames=48, duration=2, width=320, height=180)
    check(streams("out/many.mp4")[1]["channels"] == 2, "many: six channels become two")


def packet_end(path):
    rows = probe(path, "-select_streams", "a:0", "-show_entries",
                 "packet=pts_time,duration_time")["packets"]
    return max(float(row["pts_time"]) + float(row["duration_time"]) for row in rows)


def onset(path):
    """When the first sound begins and the last one ends."""
    done = subprocess.run(["ffmpeg", "-nostdin", "-i", path, "-af", "silencedetect=n=-40dB:d=0.2",
                           "-vn", "-f", "null", "-"], stderr=subprocess.PIPE, text=True,
                          check=True, env=clean_environment())
    words = done.stderr.split()
    starts = [float(words[i + 1]) for i, w in enumerate(words) if w == "silence_start:"]
    ends = [float(words[i + 1]) for i, w in enumerate(words) if w == "silence_end:"]
    length = max(float(s["duration"]) for s in streams(path))
    begin = ends[0] if starts and starts[0] < 0.1 else 0
    finish_at = starts[-1] if starts and len(starts) > len(ends) else length
    if starts and ends and len(starts) == len(ends) and abs(ends[-1] - length) < 0.1:
        finish_at = starts[-1]
    return begin, finish_at


def test_remux():
    ffmpeg(*pictures(8), *sound(8, 48000), "-c:v", "libx264", "-profile:v", "high", "-b:v", "1M",
           "-maxrate", "2M", "-bufsize", "2M", "-g", "48", "-c:a", "aac", "-b:a", "96k", "-ac",
           "2", "ready.mp4")
    result = run_task("video-transcode", "ready.mp4", {"name": "copied"})
    check(result.status == 0 and result.output["remuxed"], f"copied: is remuxed ({result.logs})")
    check(any("copied" in line for line in result.logs), "copied: says so in the log")
    check_video("copied", "out/copied.mp4", "ready.mp4", frames=192, duration=8, width=320,
                height=180, least_ssim=0.9999)
    result = run_task("video-transcode", "ready.mp4", {"name": "forced", "force": True})
    check(result.status == 0 and result.output["video"] == "encoded", "forced: is encoded")
    for payload, reason in (({"bitrate": 100000}, "bit/s"), ({"gop_seconds": 1}, "keyframes"),
                            ({"maxrate": 200000, "bufsize": 200000}, "peaks"), ({"max_width": 160}, "wide"),
                            ({"profile": "main"}, "profile"), ({"level": "3.0"}, None)):
        result = run_task("video-transcode", "ready.mp4", dict(payload, name="other"))
        check(result.status == 0 and (reason is None or any(reason in x for x in result.logs)),
              f"copied: not with {payload} ({result.logs})")
        check(result.output["video"] == ("copied" if reason is None else "encoded"),
              f"copied: {payload} is decided by what it asks for")
    ffmpeg("-i", "ready.mp4", "-c:v", "copy", "-c:a", "libopus", "half.mkv")
    result = run_task("video-transcode", "half.mkv", {"name": "half"})
    check(result.status == 0 and (result.output["video"], result.output["audio"]) ==
          ("copied", "encoded"), f"half: only the audio is encoded ({result.logs})")
    check_video("half", "out/half.mp4", "ready.mp4", frames=192, duration=8, width=320, height=180,
                least_ssim=0.9999)


def test_jump():
    """Hours without a frame: no file for every empty segment, and one keyframe behind the gap."""
    ffmpeg(*pictures(4), "-vf", "setpts='PTS+gt(T,2)*7200/TB'", "-vsync", "vfr", "-c:v", "libx264",
           "jump.mkv")
    result = transcode("jump", "jump.mkv")
    check(result is not None and result.output["segments"] <= 4 and
          result.output["frames"] == 96, f"jump: few segments ({result and result.output})")
    check(result is not None and abs(result.output["video_duration"] - 7204) < 0.5,
          "jump: the gap is kept")
    result = run_task("video-transcode", "jump.mkv", dict(FAST, max_duration="1h"))
    check(result.status == PERMANENT and result.failure["name"] == "LimitExceeded",
          f"jump: counts towards max_duration ({result.failure})")


def test_refusals():
    ffmpeg(*sound(1), "tone.mp3")
    result = run_task("video-transcode", "tone.mp3")
    check(result.status == PERMANENT and "audio only" in result.failure["message"],
          f"tone: audio alone is refused ({result.failure})")
    result = run_task("video-transcode", "plain.mp4", {"max_duration": "5s"})
    check(result.status == PERMANENT and result.failure["name"] == "LimitExceeded",
          f"long: more than max_duration is refused ({result.failure})")
    result = run_task("video-transcode", "plain.mp4", {"name": "../escape"})
    check(result.status == PERMANENT, f"escape: no slash in a name ({result.failure})")
    result = run_task("video-transcode", "plain.mp4", {"presett": "fast"})
    check(result.status == PERMANENT and "presett" in result.failure["message"],
          f"unknown: a misspelt field is named ({result.failure})")


def test_cancel():
    """SIGTERM: saves what there is, ends at once, retryable; the next attempt goes on."""
    ffmpeg(*pictures(30, size="1280x720"), "-c:v", "libx264", "-preset", "ultrafast", "long.mp4")
    settings = dict(FAST, name="cancelled", preset="slow")
    process = subprocess.Popen([os.path.join(PROGRAMS, "video-transcode")], text=True,
                               env=environment_of(settings, "long.mp4"), stderr=subprocess.PIPE)
    lines = []
    for line in process.stderr:
        lines.append(line)
        if '"frames_encoded"' in line and '"frames_encoded":0' not in line:
            break
    process.terminate()
    _, rest = process.communicate(timeout=60)
    messages = parse_messages("".join(lines) + rest)
    failure = [m for m in messages if m.get("op") == "fail"]
    check(process.returncode == 75 and failure and failure[-1]["kind"] == "retryable",
          f"cancelled: ends retryable ({process.returncode}, {failure})")
    result = transcode("cancelled", "long.mp4", {"preset": "slow"}, frames=720, duration=30,
                       width=1280, height=720)
    check(result.output["frames_resumed"] > 0, "cancelled: the next attempt goes on")


need_tools()
work_directory("video-transcode")
for test in (test_plain, test_containers, test_variable_rate, test_sizes, test_interlaced, test_hdr, test_sound, test_remux,
             test_jump, test_refusals, test_cancel):
    print(f"-- {test.__name__}", flush=True)
    test()
finish()
