# SPDX-License-Identifier: Apache-2.0
"""Runs the functions named test_…, each with a daemon of its own."""
import signal
import subprocess
import sys
import time

from daemon import Daemon


def run_cases(namespace, make_daemon=Daemon):
    cases = [value for name, value in namespace.items() if name.startswith("test_")]
    wanted, failed = sys.argv[1:], 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    for case in cases:
        if wanted and case.__name__ not in wanted:
            continue
        daemon = make_daemon()
        started = time.monotonic()
        try:
            daemon.start()
            case(daemon)
            print(f"ok   {case.__name__} ({time.monotonic() - started:.1f} s)", flush=True)
        except (AssertionError, subprocess.TimeoutExpired, LookupError, TypeError) as error:
            failed += 1
            print(f"FAIL {case.__name__}: {type(error).__name__} {error}\n{daemon.words()}",
                  flush=True)
        finally:
            daemon.remove()
    return 1 if failed else 0
