#!/usr/bin/env python3
"""Compares channels with Go's, AsyncStream and AsyncChannel, and prints a Markdown table with ratios.

usage: Benchmarks/channels.py [--rounds N] [--operations N] [--only WORKLOAD,…] [--programs FOLDER]

Everything runs on this machine in one go, the implementations alternating in every round, and each figure is the median of
the rounds: nanoseconds an operation, and in brackets how many times Go's that is (less is faster). An operation is a
message; of ping-pong a round trip. Ends with 1 when a path that must not allocate does.

--programs FOLDER   has `channel-benchmark` and `gochan.test` ready; without it they are built here.
"""

import argparse
import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
# name: (Go's benchmark, operations of a run, what it is); AsyncStream and AsyncChannel do one of PEERS_PART of them
WORKLOADS = {
    "ping-pong": ("PingPongUnbuffered", 200_000, "ping-pong, unbuffered"),
    "1-1": ("SPSCUnbuffered", 400_000, "1 → 1, unbuffered"),
    "1-1-128": ("SPSC128", 2_000_000, "1 → 1, capacity 128"),
    "4-4": ("MPMC44Unbuffered", 400_000, "4 → 4, unbuffered"),
    "4-4-128": ("MPMC44Cap128", 2_000_000, "4 → 4, capacity 128"),
    "select-4": ("Select4Unbuffered", 200_000, "select of 4, unbuffered"),
    "select-4-128": ("Select4Cap128", 400_000, "select of 4, capacity 128"),
    "uncontended": ("UncontendedCap1SendRecv", 2_000_000, "send and receive in one task"),
}
COLUMNS = {
    "go": "Go", "channel-executor": "`Channel`, `ChannelExecutor`", "channel": "`Channel`, default executor",
    "async-stream": "AsyncStream", "async-channel": "AsyncChannel",
}
PEERS_PART = 20
ABSENT = {"async-stream": {"4-4", "4-4-128", "select-4", "select-4-128"}, "async-channel": {"uncontended"}}
# Allocations an operation at most. What a run allocates once (tasks, channels, nodes) is spread over its operations; a
# select that has to wait makes one ticket.
ALLOCATIONS = {name: 0.01 for name in WORKLOADS} | {"select-4": 1.01, "select-4-128": 0.2}


def build():
    scratch = os.path.join(HERE, ".build")
    subprocess.run(["swift", "build", "-c", "release", "--package-path", HERE, "--scratch-path", scratch,
                    "--product", "channel-benchmark"], check=True, stdout=sys.stderr)
    shown = subprocess.run(["swift", "build", "-c", "release", "--package-path", HERE, "--scratch-path", scratch,
                            "--show-bin-path"], check=True, capture_output=True, text=True).stdout.strip()
    peer = os.path.join(HERE, "Peers", "gochan")
    subprocess.run(["go", "test", "-c", "-o", os.path.join(shown, "gochan.test")], cwd=peer, check=True)
    return shown


def run_go(programs, name, operations):
    text = subprocess.run(
        [os.path.join(programs, "gochan.test"), "-test.run", "^$", "-test.bench", f"^Benchmark{WORKLOADS[name][0]}$",
         "-test.benchtime", f"{operations}x"],
        check=True, capture_output=True, text=True, timeout=120).stdout
    line = next(line for line in text.splitlines() if line.startswith("Benchmark"))
    return float(line.split()[2]), 0.0


def run_swift(programs, name, column, operations):
    text = subprocess.run(
        [os.path.join(programs, "channel-benchmark"), name, column, str(operations)],
        check=True, capture_output=True, text=True, timeout=120).stdout
    return float(text.split()[2]), float(text.split()[3])


def measure(programs, name, rounds, operations):
    nanoseconds, allocations = {}, {}
    for _ in range(rounds):
        for column in COLUMNS:
            if name in ABSENT.get(column, ()):
                continue
            count = operations or WORKLOADS[name][1]
            if column.startswith("async"):
                count //= PEERS_PART
            figures = run_go(programs, name, count) if column == "go" else run_swift(programs, name, column, count)
            nanoseconds.setdefault(column, []).append(figures[0])
            allocations.setdefault(column, []).append(figures[1])
    return ({column: statistics.median(figures) for column, figures in nanoseconds.items()},
            {column: min(figures) for column, figures in allocations.items()})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--operations", type=int, help="of each run, in place of the workload's own")
    parser.add_argument("--only", default=",".join(WORKLOADS))
    parser.add_argument("--programs")
    arguments = parser.parse_args()
    programs = arguments.programs or build()
    print("| ns an operation (× Go) | " + " | ".join(COLUMNS.values()) + " | AsyncChannel / ours | allocations |")
    print("| --- |" + " --- |" * (len(COLUMNS) + 2))
    failures = []
    for name in arguments.only.split(","):
        nanoseconds, allocations = measure(programs, name, arguments.rounds, arguments.operations)
        go = nanoseconds["go"]
        cells = [f"{nanoseconds[column]:,.0f}" + ("" if column == "go" else f" ({nanoseconds[column] / go:.2f})")
                 if column in nanoseconds else "" for column in COLUMNS]
        ours = nanoseconds["channel-executor"]
        peer = f"{nanoseconds['async-channel'] / ours:.0f}" if "async-channel" in nanoseconds else ""
        print(f"| {WORKLOADS[name][2]} | " + " | ".join(cells) + f" | {peer} | {allocations['channel-executor']:.2f} |",
              flush=True)
        if allocations["channel-executor"] > ALLOCATIONS[name]:
            failures.append(f"{name}: {allocations['channel-executor']} allocations an operation, "
                            f"at most {ALLOCATIONS[name]}")
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
