#!/usr/bin/env python3
"""Says where the CPU time of an operation goes in `apus server`, by sampling it with perf under the load of Peers/etcdbench.

usage: Benchmarks/kvprofile.py [--seconds N] [--operation ARGUMENTS] [--apus PROGRAM] [--load PROGRAM]

--operation ARGUMENTS    of etcdbench; '-op put -clients 64' is the default

Each sample belongs to the first part in PARTS that has one of its words in the names of the sampled stack, innermost part first
where parts call each other. Needs perf, and the right to use it.
"""

import argparse
import collections
import os
import subprocess
import sys
import tempfile
import time

import kv

PARTS = [
    ("disk: append and fsync", ["LogWorker"]),
    ("snapshots of the state", ["SnapshotOutput", "BackgroundWork"]),
    ("state machine: decode the command, apply, watches", ["TypedMachine.apply", "MachineReader", "TypedMachine.applied"]),
    ("answers: encode, headers, frames", ["ServerConnection.takePosts", "ServerConnection.answer", "ServerConnection.take("]),
    ("socket: write", ["flushNow", "writeToSocket", "__libc_write", "ksys_write"]),
    ("Raft and the node's loop", ["Driver.", "ReplicatedNode.start"]),
    ("requests: check, decode, propose", ["ServerConnection.inputEnded"]),
    ("requests: frames, headers, call", ["HTTP2Driver.channelRead", "ServerConnection."]),
    ("socket: read", ["readFromSocket", "BaseSocketChannel.readable"]),
    ("wait and wake: epoll, futex, eventfd", ["epoll_wait", "futex", "whenReady", "eventfd", "schedule"]),
]


def stacks(data):
    """Lists of names, the innermost first."""
    script = subprocess.Popen(
        ["perf", "script", "-i", data, "-F", "ip,sym"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    text = subprocess.run(
        ["swift", "demangle", "--simplified", "--compact"], stdin=script.stdout, capture_output=True, text=True, check=True)
    for block in text.stdout.split("\n\n"):
        names = [line.strip().split(" ", 1)[-1] for line in block.splitlines() if line.strip()]
        if names:
            yield names


def part(names):
    for name in names:
        for title, words in PARTS:
            if any(word in name for word in words):
                return title
    return "the rest"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--operation", default="-op put -clients 64")
    parser.add_argument("--apus")
    parser.add_argument("--load")
    arguments = parser.parse_args()
    load = arguments.load or kv.build_load()
    cluster = kv.Cluster([arguments.apus or kv.build_apus(), "server"], 1)
    try:
        time.sleep(2)
        with tempfile.NamedTemporaryFile(suffix=".perf") as data:
            recorder = subprocess.Popen(
                ["perf", "record", "-q", "-g", "-F", "999", "-o", data.name, "-p", str(cluster.processes[0].pid), "--",
                 "sleep", str(arguments.seconds)], stderr=subprocess.DEVNULL)
            rate, _, _, cpu = kv.run(load, cluster, arguments.operation, arguments.seconds)
            recorder.wait()
            counted = collections.Counter(part(names) for names in stacks(data.name))
    finally:
        cluster.stop()
    samples = sum(counted.values())
    if not samples:
        sys.exit("perf has no samples: is it installed, and allowed?")
    print(f"{arguments.operation}: {rate:,.0f}/s, {cpu:.1f} µs of CPU each\n\n| part | share | µs |\n| --- | --- | --- |")
    for title, count in counted.most_common():
        print(f"| {title} | {100 * count / samples:.0f} % | {cpu * count / samples:.1f} |")


if __name__ == "__main__":
    os.chdir(os.path.dirname(os.path.abspath(__file__)))
    main()
