#!/usr/bin/env python3
"""Appends of the Raft log a second, with fsync, beside write and fdatasync of the same bytes on the same disk.

usage: Benchmarks/raftlog.py [--rounds N] [--seconds S] [--folder DIR]     (after a release build of Benchmarks)

The median of the rounds counts, because a disk's speed drifts; the raw rate is measured beside each case of depth 1, and
nothing is measured before what the case before it wrote is on disk.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CASES = [("raw", 1)] + [(what, depth) for depth in (1, 64, 256) for what in ("chained", "thread")]
ORDER = [("raw", 1), ("chained", 1), ("raw", 1), ("thread", 1)] + CASES[3:]
NAMES = {
    "raw": "`write` and `fdatasync`, one after the other",
    "chained": "log, the answer of an append makes the next",
    "thread": "log, appends from another thread",
}


def measure(program, what, depth, seconds, folder):
    os.sync()
    place = tempfile.mkdtemp(dir=folder)
    try:
        output = subprocess.run(
            [program, what, str(depth), str(seconds), place], check=True, capture_output=True, text=True).stdout
        return int(output.split()[2])
    finally:
        shutil.rmtree(place)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--folder", default=tempfile.gettempdir())
    options = parser.parse_args()
    build = subprocess.run(
        ["swift", "build", "-c", "release", "--package-path", HERE, "--show-bin-path"], check=True,
        capture_output=True, text=True).stdout.strip()
    program = os.environ.get("RAFTLOG", os.path.join(build, "raftlog"))
    rates = {case: [] for case in CASES}
    for _ in range(options.rounds):
        for case in ORDER:
            rates[case].append(measure(program, *case, options.seconds, options.folder))
    raw = statistics.median(rates["raw", 1])
    print("| 256-byte entries | depth | a second | of the raw rate |")
    print("| --- | --- | --- | --- |")
    for what, depth in CASES:
        rate = statistics.median(rates[what, depth])
        print(f"| {NAMES[what]} | {depth} | {rate:,.0f} | {rate / raw:.2f} |")


if __name__ == "__main__":
    main()
