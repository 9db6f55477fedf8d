#!/usr/bin/env python3
"""Compares a replicated state machine of Apus with one of hashicorp/raft, and prints a Markdown table with ratios.

usage: Benchmarks/raft.py [--rounds N] [--seconds S] [--proposers N,…] [--programs FOLDER]

Three nodes in one process, log and transport in memory. Each proposer proposes a command of 16 + 256 bytes at the leader and
waits until it is applied there, then the next. Both run on this machine in one go, alternating in every round; the figures
are medians of the rounds.

--programs FOLDER   has `raft-benchmark` and `hraft` ready; without it they are built here.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
LINE = re.compile(r"conc=\d+ (\d+) applies/s p50=(\S+) (seconds )?p99=(\S+)( seconds)? n=")
UNITS = {"ns": 1e-3, "µs": 1.0, "ms": 1e3, "s": 1e6}


def build():
    scratch = os.path.join(HERE, ".build")
    command = ["swift", "build", "-c", "release", "--package-path", HERE, "--scratch-path", scratch]
    subprocess.run(command + ["--product", "raft-benchmark"], check=True, stdout=sys.stderr)
    shown = subprocess.run(command + ["--show-bin-path"], check=True, capture_output=True, text=True).stdout.strip()
    environment = os.environ | {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": ""}
    subprocess.run(["go", "build", "-o", os.path.join(shown, "hraft"), "."],
                   cwd=os.path.join(HERE, "Peers", "hraft"), env=environment, check=True)
    return shown


def microseconds(text, is_seconds):
    """Of `1.25ms` as Go writes it, or of seconds as Swift does."""
    if is_seconds:
        return float(text) * 1e6
    number, unit = re.fullmatch(r"([\d.]+)(ns|µs|ms|s)", text).groups()
    return float(number) * UNITS[unit]


def run(program, proposers, seconds):
    text = subprocess.run([program, str(proposers), str(seconds), "1"], check=True, capture_output=True, text=True,
                          timeout=120).stdout
    rate, p50, first, p99, second = LINE.search(text).groups()
    return float(rate), microseconds(p50, first), microseconds(p99, second)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--proposers", default="1,64,256")
    parser.add_argument("--programs")
    options = parser.parse_args()
    programs = options.programs or build()
    print("| proposers | Apus, applied/s | p50 | p99 | hashicorp/raft, applied/s | p50 | p99 | ratio |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for proposers in (int(text) for text in options.proposers.split(",")):
        figures = {"raft-benchmark": [], "hraft": []}
        for _ in range(options.rounds):
            for program, found in figures.items():
                found.append(run(os.path.join(programs, program), proposers, options.seconds))
        cells, rates = [], []
        for found in figures.values():
            rate, p50, p99 = (statistics.median(column) for column in zip(*found))
            rates.append(rate)
            low, high = min(f[0] for f in found), max(f[0] for f in found)
            cells += [f"{rate:,.0f} ({low:,.0f}–{high:,.0f})", f"{p50:,.0f} µs", f"{p99:,.0f} µs"]
        print(f"| {proposers} | " + " | ".join(cells) + f" | {rates[0] / rates[1]:.2f} |", flush=True)


if __name__ == "__main__":
    main()
