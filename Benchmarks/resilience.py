#!/usr/bin/env python3
"""Compares the cost of a policy around a call that does nothing with Go's usual parts, and prints a Markdown table.

usage: Benchmarks/resilience.py [--rounds N] [--operations N] [--only ROW,…] [--programs FOLDER] [--into FILE]

Everything runs on this machine in one go, the two alternating in every round. Each figure is the median of the rounds:
nanoseconds a call, and allocations; in brackets the least, because whatever else uses the machine's cores only adds. Ends with 1
when a row that must not allocate does.

--programs FOLDER   has `resilience-benchmark` and `goresilience` ready; without it they are built here, with what
                    `scripts/prepare bench` installs.
--into FILE         replaces the table between the marks in FILE too.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROWS = {
    "task": "no policy: an empty task that begins at once and sets a task-local value",
    "off": "a policy with every part off", "deadline": "deadline", "rate-limit": "rate limit",
    "load-shedding": "load shedding", "bulkhead": "bulkhead", "retry": "retry and its budget", "breaker": "breaker",
    "adaptive-breaker": "adaptive breaker", "attempt-timeout": "attempt timeout",
    "nested": "standard without its attempt timeout, under a deadline of the caller", "standard": "standard", "everything": "standard and a rate limit",
    "observed": "standard, with a listener", "waiting": "standard, the call gives up its thread once",
}
PEERLESS = {"task", "load-shedding", "adaptive-breaker", "nested", "observed"}
# What only deadlines may do: their body runs in a task of its own.
ALLOCATES = {"task", "deadline", "attempt-timeout", "standard", "everything", "observed", "waiting"}
START, END = "<!-- table: Benchmarks/resilience.py -->", "<!-- end of the table -->"


def build():
    command = ["swift", "build", "-c", "release", "--package-path", HERE, "--scratch-path", os.path.join(HERE, ".build")]
    subprocess.run(command + ["--product", "resilience-benchmark"], check=True, stdout=sys.stderr)
    shown = subprocess.run(command + ["--show-bin-path"], check=True, capture_output=True, text=True).stdout.strip()
    environment = os.environ | {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": ""}
    subprocess.run(["go", "build", "-o", os.path.join(shown, "goresilience"), "."],
                   cwd=os.path.join(HERE, "Peers", "goresilience"), env=environment, check=True)
    return shown


def run(programs, program, row, operations):
    text = subprocess.run([os.path.join(programs, program), row, str(operations)], check=True, capture_output=True,
                          text=True, timeout=120).stdout.split()
    return float(text[1]), float(text[2])


def summary(figures):
    """The median time and the least, as a cell of the table; the median time; the median of allocations."""
    times, allocations = zip(*figures)
    median = statistics.median(times)
    return f"{median:,.0f} ({min(times):,.0f})", median, statistics.median(allocations)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--operations", type=int, default=100_000)
    parser.add_argument("--only", default=",".join(ROWS))
    parser.add_argument("--programs")
    parser.add_argument("--into")
    arguments = parser.parse_args()
    programs = arguments.programs or build()
    lines = ["| around a call that does nothing | Apus, ns | allocations | Go, ns | allocations | Apus ÷ Go |",
             "| --- | --- | --- | --- | --- | --- |"]
    failures = []
    rows = arguments.only.split(",")
    ours, theirs = {row: [] for row in rows}, {row: [] for row in rows}
    for _ in range(arguments.rounds):
        for row in rows:
            ours[row].append(run(programs, "resilience-benchmark", row, arguments.operations))
            if row not in PEERLESS:
                theirs[row].append(run(programs, "goresilience", row, arguments.operations))
    for row in rows:
        cell, time, allocations = summary(ours[row])
        cells = f"| {ROWS[row]} | {cell} | {allocations:.1f} |"
        if theirs[row]:
            cell, peer, peers_allocations = summary(theirs[row])
            cells += f" {cell} | {peers_allocations:.1f} | {time / peer:.2f} |"
        else:
            cells += " | | |"
        lines.append(cells)
        if row not in ALLOCATES and allocations > 0.01:
            failures.append(f"{row}: {allocations} allocations a call")
    table = "\n".join(lines)
    print(table)
    if arguments.into:
        with open(arguments.into, encoding="utf-8") as file:
            text = file.read()
        with open(arguments.into, "w", encoding="utf-8") as file:
            file.write(re.sub(re.escape(START) + ".*?" + re.escape(END), lambda _: f"{START}\n{table}\n{END}", text,
                              flags=re.S))
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
