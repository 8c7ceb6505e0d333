# SPDX-License-Identifier: Apache-2.0
"""One row an attack: the limits it is given and how it must end.

Keys of an expectation: outcome, reason, exit (the status of berth) as in `berth run --result`; a
tuple means any of these. check: a function of the finished run that returns what is wrong, or None.
"""
MIB = 1 << 20


def cpu_is_limited(run):
    usage = run.result["usage"]
    share = usage["cpuNs"] / usage["wallNs"]
    if share > 0.5 * 1.25:
        return f"used {share:.2f} CPUs of 0.5"
    if not usage["throttledNs"]:
        return "was never throttled"
    return None


def printed_at_most(limit):
    def check(run):
        count = int(run.stdout().split()[0])
        return None if 0 < count <= limit else f"got {count} of at most {limit}"
    return check


def peak_at_most(limit):
    def check(run):
        peak = run.result["usage"]["memoryPeakBytes"]
        return None if peak is None or peak <= limit * 1.05 else f"its peak was {peak} of {limit}"
    return check


def log_is_bounded(limit):
    def check(run):
        size = run.stderr_bytes()
        return None if size <= limit * 4 + 65536 else f"{size} bytes of log for a limit of {limit}"
    return check


def log_is_json(run):
    """Whatever the task writes, each line of the log is one whole JSON object in UTF-8."""
    import json
    lines = 0
    with open(run.stderr, "rb") as stream:
        for line in stream:
            try:
                json.loads(line.decode("utf-8", "strict"))
            except ValueError as error:
                return f"line {lines + 1} is not JSON: {line[:80]!r}: {error}"
            lines += 1
    return None if lines >= 5000 else f"only {lines} lines"


def log_has_lines(count):
    def check(run):
        with open(run.stderr, "rb") as stream:
            found = sum(line.rstrip().endswith(b"x") for line in stream)
        return None if found == count else f"{found} of {count} lines arrived"
    return check


def nothing_comes_out_but_plain_files(run):
    import os
    import stat
    for root, directories, files in os.walk(run.output):
        for name in directories + files:
            mode = os.lstat(os.path.join(root, name)).st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                return f"{name} in the output is {stat.filemode(mode)}"
            if mode & (stat.S_ISUID | stat.S_ISGID):
                return f"{name} in the output is {stat.filemode(mode)}"
    return None if os.path.exists(f"{run.output}/plain") else "the plain file did not come out"


def output_takes_no_room(run):
    import os
    used = sum(os.lstat(os.path.join(root, name)).st_blocks * 512
               for root, _, files in os.walk(run.output) for name in files)
    return None if used < 64 * MIB else f"the output takes {used} bytes"


def row(name, outcome, reason=None, code=None, options="", number=0, check=None, seconds=20,
        needs=None, signal_after=None):
    return dict(name=name, outcome=outcome, reason=reason, exit=code, options=options.split(),
                number=number, check=check, seconds=seconds, needs=needs,
                signal_after=signal_after)


SMALL = "--cpu 1 --memory 64M --pids 64 --tmpfs 16M --disk 64M --log 4M"
ANY_END = ("completed", "failed", "killed", "crashed")

ROWS = [
    # Dead processes are charged until the kernel's grace period is over: memory is no limit here.
    row("fork_bomb", "killed", "pids", 137, SMALL + " --memory 256M", needs="pids_limit"),
    row("thread_bomb", "killed", "pids", 137, SMALL + " --memory 256M", needs="pids_limit"),
    row("daemon", "completed", code=0, options=SMALL),
    row("close_stdio", "timed_out", "timeout", 124, SMALL + " --timeout 1s --grace 1s"),
    row("stop_self", "timed_out", "timeout", 124, SMALL + " --timeout 1s --grace 1s"),
    row("ignore_signals", "timed_out", "timeout", 124, SMALL + " --timeout 1s --grace 1s"),
    row("orphans", "completed", code=0, options=SMALL + " --memory 256M"),
    row("cpu", "completed", code=0, options=SMALL + " --cpu 0.5", number=3, check=cpu_is_limited,
        needs="cpu_limit"),
    row("memory", "killed", "memory", 137, SMALL, check=peak_at_most(64 * MIB),
        needs="memory_limit"),
    row("memory_child", "killed", "memory", 137, SMALL, needs="oom_group"),
    row("memory_memfd", "killed", "memory", 137, SMALL, needs="memory_limit"),
    row("memory_segment", "killed", "memory", 137, SMALL, needs="memory_limit"),
    row("memory_tmpfs", "killed", "memory", 137, SMALL, check=peak_at_most(64 * MIB),
        needs="memory_limit"),
    row("memory_pipes", ANY_END, options=SMALL + " --open-files 4096", needs="memory_limit",
        check=peak_at_most(64 * MIB)),
    # Rootless, the working directory is a tmpfs: its bytes are the run's memory too.
    row("disk_fill", "failed", "disk", 1, SMALL + " --memory 256M", check=printed_at_most(64 * MIB),
        needs="disk_limit"),
    row("disk_files", "failed", "disk", 1, SMALL + " --memory 256M --disk-inodes 2000",
        check=printed_at_most(2200), needs="disk_limit"),
    row("tmpfs_fill", "failed", "tmpfs", 1, SMALL, check=printed_at_most(16 * MIB)),
    row("tmpfs_files", "failed", "tmpfs", 1, SMALL + " --tmpfs-inodes 1000",
        check=printed_at_most(1000)),
    row("sparse", ANY_END + ("error",), options=SMALL, check=output_takes_no_room),
    row("traps", "completed", code=0, options=SMALL, check=nothing_comes_out_but_plain_files),
    row("deep", ANY_END, options=SMALL),
    row("log_flood", "killed", "log", 137, SMALL, check=log_is_bounded(4 * MIB)),
    row("log_nul", "killed", "log", 137, SMALL, check=log_is_bounded(4 * MIB)),
    row("log_invalid", "completed", code=0, options=SMALL + " --log-format json",
        check=log_is_json),
    row("log_lines", "completed", code=0, options=SMALL + " --log-format text", number=1000000,
        check=log_has_lines(1000000), seconds=60),
    row("channel_garbage", ANY_END, options=SMALL),
    row("channel_long_line", ANY_END, options=SMALL),
    row("channel_flood", "killed", "log", 137, SMALL + " --log 256K"),
    row("channel_many", ANY_END, options=SMALL + " --open-files 4096"),
    row("channel_half_open", "completed", code=0, options=SMALL),
    row("channel_silent", ANY_END, options=SMALL),
    row("channel_rights", ANY_END, options=SMALL),
    row("descriptors", "completed", code=0, options=SMALL + " --open-files 512",
        check=printed_at_most(512)),
    row("parking", ANY_END, options=SMALL + " --open-files 512", check=None),
    row("asynchronous_io", "completed", code=0, options=SMALL),
]
