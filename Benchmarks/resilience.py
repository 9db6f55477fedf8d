#!/usr/bin/env python3
"""Compares the cost of a policy around a call that does nothing with Go's usual parts, and prints a Markdown table.

usage: Benchmarks/resilience.py [--rounds N] [--operations N] [--only ROW,…] [--programs FOLDER] [--into FILE]

Everything runs on this machine in one go, the two alternating row by row in every round. A run of a row goes in slices of 2,500
calls. Each figure is the median of nanoseconds a call over those slices, one in forty, that lie between the shortest runs of a
yardstick, a piece of work that is always the same: then nobody else used the core, as a neighbour on the same host does, who shares
its units. In brackets the median of all slices. A * marks a figure for which even those yardsticks took a tenth longer than the
program's shortest, also in three times as many rounds: its core was never its own. Ends with 1 when a row that must not
allocate does.

--programs FOLDER   has `resilience-benchmark` and `goresilience` ready; without it they are built here, with what
                    `scripts/prepare bench` installs; both are linked statically, as Go always is.
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
    # A folder of its own, because the other benchmarks are not linked so.
    command = ["swift", "build", "-c", "release", "--static-swift-stdlib", "--package-path", HERE, "--scratch-path",
               os.path.join(HERE, ".build", "static")]
    subprocess.run(command + ["--product", "resilience-benchmark"], check=True, stdout=sys.stderr)
    shown = subprocess.run(command + ["--show-bin-path"], check=True, capture_output=True, text=True).stdout.strip()
    environment = os.environ | {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": ""}
    subprocess.run(["go", "build", "-o", os.path.join(shown, "goresilience"), "."],
                   cwd=os.path.join(HERE, "Peers", "goresilience"), env=environment, check=True)
    return shown


def run(programs, program, row, operations):
    """The allocations a call, and for each slice its yardstick and its nanoseconds a call."""
    allocations, *slices = subprocess.run([os.path.join(programs, program), row, str(operations)], check=True,
                                          capture_output=True, text=True, timeout=120).stdout.splitlines()
    figures = (map(float, line.split()) for line in slices)
    return float(allocations), [(yardstick, took) for took, yardstick in figures]


class Row:
    """What the rounds measured of one program."""

    def __init__(self, runs):
        self.allocations = statistics.median(allocations for allocations, _ in runs)
        slices = sorted((one for _, slices in runs for one in slices), key=lambda one: one[0])
        quiet = slices[:max(len(slices) // 40, 1)]
        self.time = statistics.median(took for _, took in quiet)
        self.every_time = statistics.median(took for _, took in slices)
        self.yardstick = statistics.median(yardstick for yardstick, _ in quiet)
        self.every_yardstick = statistics.median(yardstick for yardstick, _ in slices)

    def is_busy(self, rows):
        return self.yardstick > 1.1 * min(row.yardstick for row in rows)

    def cells(self, rows):
        mark = "*" if self.is_busy(rows) else ""
        return f" {self.time:,.0f}{mark} ({self.every_time:,.0f}) | {self.allocations:.1f} |"


def yardsticks(rows):
    quiet, every = (statistics.median(figures) / 1000 for figures in
                    zip(*((row.yardstick, row.every_yardstick) for row in rows)))
    return f"{quiet:.0f} ({every:.0f}) µs"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40)
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
    runs = {"ours": {row: [] for row in rows}, "theirs": {row: [] for row in rows if row not in PEERLESS}}
    programs_of = {"ours": "resilience-benchmark", "theirs": "goresilience"}

    def measure(wanted):
        for row in wanted:
            for whose, program in programs_of.items():
                if row in runs[whose]:
                    runs[whose][row].append(run(programs, program, row, arguments.operations))

    def summaries():
        return [{row: Row(of) for row, of in runs[whose].items()} for whose in programs_of]

    for _ in range(arguments.rounds):
        measure(rows)
    ours, theirs = summaries()
    # Those that met busy neighbours only are given a second and a third chance.
    for _ in range(2 * arguments.rounds):
        busy = [row for row in rows if any(row in all and all[row].is_busy(all.values()) for all in (ours, theirs))]
        if not busy:
            break
        measure(busy)
        ours, theirs = summaries()
    for row in rows:
        cells = f"| {ROWS[row]} |{ours[row].cells(ours.values())}"
        if row in theirs:
            cells += f"{theirs[row].cells(theirs.values())} {ours[row].time / theirs[row].time:.2f} |"
        else:
            cells += " | | |"
        lines.append(cells)
        if row not in ALLOCATES and ours[row].allocations > 0.01:
            failures.append(f"{row}: {ours[row].allocations} allocations a call")
    lines += ["", "The yardstick took " + " and ".join(
        f"{yardsticks(all.values())} in {name}" for name, all in (("Swift", ours), ("Go", theirs)) if all) + "."]
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
