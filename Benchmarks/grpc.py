#!/usr/bin/env python3
"""Compares our gRPC with grpc-go on this machine, and prints Markdown tables with ratios.

usage: Benchmarks/grpc.py [--seconds N] [--rounds N] [--only server,client,stream,memory] [--programs FOLDER]

In `server`, grpc-go's client calls both servers; in `client`, both clients call grpc-go's server. The two alternate in every
round, and each figure is the median of the rounds. CPU is that of the process under test, user and system, for each call. All
of it shares this machine's cores, so that only ratios mean something.

--programs FOLDER   has `grpc-benchmark` and `gorpc` ready; without it they are built here.
"""

import argparse
import os
import re
import socket
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TICK = os.sysconf("SC_CLK_TCK")
UNARY = [
    (size, callers, connections)
    for size in (100, 10240) for callers in (1, 64, 256) for connections in (1, 16) if connections <= max(callers, 1)
]


def build():
    folder = os.path.join(HERE, ".build", "peers")
    os.makedirs(folder, exist_ok=True)
    environment = dict(os.environ, GO111MODULE="off", GOPATH="/usr/share/gocode", GOFLAGS="")
    subprocess.run(
        ["go", "build", "-o", os.path.join(folder, "gorpc"), "."], cwd=os.path.join(HERE, "Peers", "gorpc"),
        env=environment, check=True)
    swift = ["swift", "build", "--configuration", "release", "--package-path", HERE, "--product", "grpc-benchmark"]
    subprocess.run(swift, check=True, stdout=sys.stderr)
    found = subprocess.run(swift + ["--show-bin-path"], check=True, capture_output=True, text=True).stdout.strip()
    target = os.path.join(folder, "grpc-benchmark")
    if os.path.lexists(target):
        os.remove(target)
    os.symlink(os.path.join(found, "grpc-benchmark"), target)
    return folder


class Server:
    def __init__(self, program, port):
        self.port = port
        self.process = subprocess.Popen(
            [program, "server", str(port), "2"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        sys.exit(f"{program} does not listen on {port}")

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def resident_kib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))

    def stop(self):
        self.process.terminate()
        self.process.wait()


def run(command):
    """The last line's figures, and the CPU seconds of the command."""
    before = os.times()
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    after = os.times()
    figures = dict(re.findall(r"(\w+)=(\d+)", result.stdout))
    if result.returncode or "rate" not in figures:
        sys.exit(f"{command}: {result.stdout}{result.stderr}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return {name: int(value) for name, value in figures.items()}, cpu


def median(rows, name):
    return statistics.median(row[name] for row in rows)


def row(label, go, ours):
    rates = median(ours, "rate") / median(go, "rate")
    cells = [label, f"{median(go, 'rate'):,.0f}", f"{median(ours, 'rate'):,.0f}", f"{rates:.2f}"]
    if "p99us" in go[0]:
        cells += [f"{median(rows, 'p50us'):,.0f} / {median(rows, 'p99us'):,.0f}" for rows in (go, ours)]
    cells += [f"{median(go, 'cpu'):.1f}", f"{median(ours, 'cpu'):.1f}"]
    print("| " + " | ".join(cells) + " |", flush=True)


def unary(title, arguments, servers, clients, test_servers):
    print(f"\n{title}\n")
    print("| bytes, callers, connections | grpc-go /s | Apus /s | ratio | p50 / p99 µs: grpc-go | Apus | CPU µs: grpc-go | Apus |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for size, callers, connections in UNARY:
        results = {"go": [], "ours": []}
        if not test_servers and connections == 1:
            results["loop"] = []
        for _ in range(arguments.rounds):
            for name in results:
                server = servers[name if test_servers else "go"]
                client = clients["go" if test_servers or name == "go" else "ours"]
                before = server.cpu_seconds()
                command = [client, "unary", server.port, callers, connections, size, arguments.seconds, 1]
                figures, cpu = run(command + (["bench.Echo/Echo", "loop"] if name == "loop" else []))
                calls = figures["count"] + 200 * connections
                used = server.cpu_seconds() - before if test_servers else cpu
                results[name].append(dict(figures, cpu=used * 1e6 / calls))
        row(f"{size:,}, {callers}, {connections}", results["go"], results["ours"])
        if "loop" in results:
            row(f"{size:,}, {callers}, {connections}, on the client's loop", results["go"], results["loop"])


def streams(arguments, servers, clients):
    print("\nA stream of 100-byte messages, echoed; messages a second, and the server's CPU a message\n")
    print("| server, streams | grpc-go /s | Apus /s | ratio | CPU µs: grpc-go | Apus |")
    print("| --- | --- | --- | --- | --- | --- |")
    for count in (1, 16):
        results = {"go": [], "ours": []}
        for _ in range(arguments.rounds):
            for name in results:
                before = servers[name].cpu_seconds()
                figures, _ = run([clients["go"], "stream", servers[name].port, count, 100, arguments.seconds, 1])
                used = servers[name].cpu_seconds() - before
                results[name].append(dict(figures, cpu=used * 1e6 / figures["count"]))
        row(f"grpc-go's client, {count}", results["go"], results["ours"])


def memory(programs, clients):
    print("\nMemory of a server, from its resident size before and after\n")
    print("| | grpc-go | Apus |\n| --- | --- | --- |")
    for label, connections, count in (("KiB an idle connection (1,000)", 1000, 0), ("KiB an open stream (1,000 on 10 connections)", 10, 1000)):
        cells = []
        for name, port in (("go", 7311), ("ours", 7312)):
            server = Server(programs[name], port)
            before = server.resident_kib()
            load = subprocess.Popen(
                [clients["go"], "idle", str(port), str(connections), str(count)], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, text=True)
            load.stdout.readline()
            time.sleep(1)
            cells.append((server.resident_kib() - before) / (count or connections))
            load.communicate("\n")
            server.stop()
        print(f"| {label} | {cells[0]:.1f} | {cells[1]:.1f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="server,client,stream,memory")
    parser.add_argument("--programs")
    arguments = parser.parse_args()
    folder = arguments.programs or build()
    programs = {"go": os.path.join(folder, "gorpc"), "ours": os.path.join(folder, "grpc-benchmark")}
    parts = arguments.only.split(",")
    servers = {"go": Server(programs["go"], 7301), "ours": Server(programs["ours"], 7302)}
    try:
        if "server" in parts:
            unary("Our server and grpc-go's, called by grpc-go's client", arguments, servers, programs, True)
        if "client" in parts:
            unary("Our client and grpc-go's, calling grpc-go's server", arguments, servers, programs, False)
        if "stream" in parts:
            streams(arguments, servers, programs)
    finally:
        for server in servers.values():
            server.stop()
    if "memory" in parts:
        memory(programs, programs)


if __name__ == "__main__":
    main()
