"""Runs commands on both sides, and keeps what differed."""

import os
import re
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from comparison.cluster import PATIENCE, eventually

printing = threading.Lock()
# A step of a command that goes on: its watch is there.
WATCHING = object()


def split(line):
    return [word[1:-1] if word[:1] == "'" else word for word in re.findall(r"'[^']*'|\S+", line)]


class Comparison:
    def __init__(self, sides, count, only="", slow=False, verbose=False):
        self.sides, self.count, self.only, self.slow, self.verbose = sides, count, only, slow, verbose
        self.rows = []
        self.start = time.monotonic()
        self.pool = ThreadPoolExecutor(len(sides))

    @property
    def different(self):
        return sum(not same for _, same in self.rows)

    def both(self, body):
        """`body` for each side, at the same time; what it returned."""
        return list(self.pool.map(body, self.sides))

    def compare(self, words, body):
        """`body` gives the exit code and the text of each side, with what is not compared taken out."""
        answers = self.both(body)
        same = answers[0] == answers[1]
        self.rows.append((words, same))
        if self.verbose or not same:
            after = f"{time.monotonic() - self.start:.1f} s"
            with printing:
                print(f"\n{self.count} nodes, {after}: {'same' if same else 'DIFFERENT'}: etcdctl {' '.join(words)}")
                for side, (code, text) in zip(self.sides, answers if not same else answers[:1]):
                    print(f"--- {side.name}, exit {code}:\n{text}", flush=True)

    def wanted(self, words):
        return not self.only or self.only in " ".join(words)

    def same(self, line, text="", formats=("",), hide=(), drop=(), keep=(), always=False, ordered=True, until=None):
        """Runs `line` in each format. `keep` are variables with patterns: the pattern's group is kept for later commands, on
        each side its own. Matches of `hide` are not compared, and of `drop` not even whether they are there; `always` runs
        what others need. While the output
        has `until`, which is what a server says that needs a moment, it is run again."""
        for form in formats:
            words = split(line) + (["-w", form] if form else [])
            if not self.wanted(words) and not (always or keep):
                continue

            def answer(side, words=words):
                code, output = side.run(words, text)
                deadline = time.monotonic() + PATIENCE
                while until and until in output and time.monotonic() < deadline:
                    time.sleep(0.2)
                    code, output = side.run(words, text)
                for name, pattern in dict(keep).items():
                    found = re.search(pattern, output)
                    side.variables[name] = found.group(1) if found else "0"
                output = side.normal(output, hide, drop)
                if not ordered:
                    output = "\n".join(sorted(re.split(r"[\n{}\[\],]+", output)))
                return code, output

            self.compare(words, answer)

    def background(self, line, steps, lines, text=None, formats=("",), hide=()):
        """A command that goes on: it is started, `steps` run, and when it has printed so many lines it is told to end (SIGINT). A
        step is a command line; a number, of lines that must have come before the next step; WATCHING; or a function of
        the side."""
        for form in formats:
            words = (["-w", form] if form else []) + split(line)
            if not self.wanted(words):
                continue

            def answer(side, words=words):
                return self.follow(side, words, steps, lines, text, hide)

            self.compare(words, answer)

    @staticmethod
    def follow(side, words, steps, lines, text, hide):
        if WATCHING in steps:
            eventually(lambda: not side.watches(words), "earlier watches are over")
        process = side.start(words)
        os.set_blocking(process.stdout.fileno(), False)
        output = b""

        def read(count):
            nonlocal output
            deadline = time.monotonic() + PATIENCE
            while output.count(b"\n") < count and time.monotonic() < deadline:
                output += process.stdout.read() or b""
                if process.poll() is not None:
                    break
                time.sleep(0.01)

        if text is not None:
            process.stdin.write(side.fill(text).encode())
            process.stdin.flush()
        for step in steps:
            if isinstance(step, int):
                read(step)
            elif step is WATCHING:
                eventually(lambda: side.watches(words) or process.poll() is not None, "the watch is there")
            elif callable(step):
                step(side)
            else:
                side.run(split(step))
        read(lines)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        output += process.stdout.read() or b""
        return process.returncode, side.normal(output.decode(errors="backslashreplace"), hide)
