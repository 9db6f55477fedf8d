"""Whether every command and every flag that etcdctl has was compared."""

import os
import re
import subprocess

from comparison.cluster import ETCDCTL

SHORT = {"-w": "--write-out", "-i": "--interactive", "-l": "--listen", "-d": "--discovery-srv"}
# What speaks to no server.
LEFT_OUT = {"completion bash", "completion fish", "completion powershell", "completion zsh", "help", "migrate"}
LEFT_OUT_FLAGS = {"--help", "--debug", "--discovery-srv", "--discovery-srv-name", "--insecure-discovery"}


def helps(*words):
    done = subprocess.run(
        [ETCDCTL, *words, "--help"], capture_output=True, check=True, env=dict(os.environ, ETCDCTL_API="3"))
    return done.stdout.decode()


def flags(text, title):
    section = re.search(rf"(?ms)^{title}:\n(.*?)(?:\n\n\S|\Z)", text)
    return set(re.findall(r"(?m)^ +(?:-\w, )?(--[\w-]+)", section.group(1))) if section else set()


def all_commands():
    return re.findall(r"(?m)^\t([a-z-]+(?: [a-z-]+)?)\t", helps().split("COMMANDS:")[1].split("OPTIONS:")[0])


def command(words, commands):
    """Which of `commands` it is that `words` run, or what stands first in them."""
    for i in range(len(words)):
        for count in (2, 1):
            if " ".join(words[i:i + count]) in commands:
                return " ".join(words[i:i + count])
    return words[0]


def missing(compared):
    """How many commands and flags there are, and those that none of `compared` had, which are lists of words."""
    commands = all_commands()
    shared = flags(helps(), "OPTIONS") - LEFT_OUT_FLAGS
    wanted = {("", flag) for flag in shared}
    for name in commands:
        if name not in LEFT_OUT:
            wanted.add((name, ""))
            wanted |= {(name, flag) for flag in flags(helps(*name.split()), "OPTIONS") - LEFT_OUT_FLAGS}
    found = set()
    for words in compared:
        name = command(words, commands)
        found.add((name, ""))
        for word in words:
            flag = SHORT.get(word, word).split("=")[0]
            found.add(("" if flag in shared else name, flag))
    return len(wanted), sorted(f"{name} {flag}".strip() for name, flag in wanted - found)
