"""One side of a comparison: servers, and etcdctl that is run against them."""

import os
import random
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.request

from comparison.wire import shown

ETCDCTL = "/usr/bin/etcdctl"
# How long something that must happen may take, and a command.
PATIENCE = 30
# Below those that the system gives to clients, so that nobody has taken one meanwhile.
PORTS = range(20_000, 32_000)
CERTIFICATES = ("--cacert={folder}/ca.pem", "--cert={folder}/client.pem", "--key={folder}/client.key")

# All that run, for whoever ends early.
clusters = []
taken = set()
taking = threading.Lock()


class Failure(Exception):
    """The comparison itself cannot go on."""


def free_ports(count):
    ports = []
    with taking:
        while len(ports) < count:
            port = random.choice(PORTS)
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
            if port not in taken:
                taken.add(port)
                ports.append(port)
    return ports


def eventually(condition, what, patience=PATIENCE):
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(f"not within {patience} s: {what}")
        time.sleep(0.05)


class Cluster:
    def __init__(self, name, program, etcd, count, flags=(), tls=False):
        self.name, self.program, self.etcd, self.flags = name, program, etcd, list(flags)
        self.scheme = "https" if tls else "http"
        self.folder = tempfile.mkdtemp(prefix="apus-etcdctl-")
        ports = free_ports(2 * count + 2)
        self.clients, self.peers = ports[:count], ports[count:2 * count]
        # How addresses are called where they are shown; the last two are for a member that comes later.
        self.addresses = {}
        for kind, numbers in (("client", self.clients + ports[-2:-1]), ("peer", self.peers + ports[-1:])):
            self.addresses.update({f"127.0.0.1:{port}": f"{kind}{i + 1}" for i, port in enumerate(numbers)})
        self.variables = {
            "folder": self.folder, "endpoint": self.url(self.clients[0]), "late": self.url(ports[-2]),
            "latePeer": f"http://127.0.0.1:{ports[-1]}"}
        self.ids = {}
        self.processes = {}
        clusters.append(self)
        if tls:
            self.certify()
            self.flags += [
                "--client-cert-auth", "--trusted-ca-file", f"{self.folder}/ca.pem", "--cert-file",
                f"{self.folder}/server.pem", "--key-file", f"{self.folder}/server.key"]
        initial = ",".join(f"n{i + 1}=http://127.0.0.1:{port}" for i, port in enumerate(self.peers))
        for i, (client, peer) in enumerate(zip(self.clients, self.peers)):
            self.serve(f"n{i + 1}", self.url(client), f"http://127.0.0.1:{peer}", ["--initial-cluster", initial])
        self.wait_until_ready()

    def url(self, port):
        return f"{self.scheme}://127.0.0.1:{port}"

    def serve(self, name, client, peer, flags, program=None):
        """Starts a server with the data folder `name`."""
        with open(f"{self.folder}/{name}.log", "ab") as log:
            self.processes[name] = subprocess.Popen(
                (program or self.program) + [
                    "--name", name, "--data-dir", f"{self.folder}/{name}", "--listen-client-urls", client,
                    "--advertise-client-urls", client, "--listen-peer-urls", peer,
                    "--initial-advertise-peer-urls", peer, "--bcrypt-cost", "4", "--log-level", "error"]
                + self.flags + flags, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def wait_until_ready(self):
        def is_ready():
            for name, process in self.processes.items():
                if process.poll() is not None:
                    with open(f"{self.folder}/{name}.log", encoding="utf-8") as log:
                        raise Failure(f"{self.name} ended:\n{log.read()[-2000:]}")
            return not self.run(["put", "ready", ""])[0] and not self.run(["del", "ready"])[0]
        eventually(is_ready, f"{self.name} is ready", 60)

    def end(self, name):
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def stop(self):
        for name in list(self.processes):
            self.end(name)
        shutil.rmtree(self.folder, ignore_errors=True)

    def certify(self):
        """An authority, and certificates of it for the server and for the user `client`."""
        def openssl(*words):
            subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True)
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "9", "-subj", "/CN=authority")
        for name in ("server", "client"):
            with open(f"{self.folder}/{name}.ext", "w", encoding="utf-8") as text:
                text.write("subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n")
            openssl("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
            openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                    "-days", "9", "-extfile", f"{name}.ext", "-out", f"{name}.pem")

    # Commands.

    def fill(self, text):
        return re.sub(r"\{(\w+)\}", lambda found: self.variables.get(found.group(1), found.group()), text)

    def command(self, words):
        # What does not ask every node asks a follower, where there is one; any of several would be another one each time.
        asked = self.clients if {"endpoint", "defrag"} & set(words) else self.clients[:2][-1:]
        if not any(word.startswith("--endpoints") for word in words):
            words = ["--endpoints", ",".join(f"127.0.0.1:{port}" for port in asked)] + words
        if self.scheme == "https" and not any(word.startswith("--cacert") for word in words):
            words = list(CERTIFICATES) + words
        return [ETCDCTL] + [self.fill(word) for word in words]

    def start(self, words):
        return subprocess.Popen(
            self.command(words), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=dict(os.environ, ETCDCTL_API="3"), start_new_session=True)

    def run(self, words, text=""):
        """The exit code, and both outputs."""
        try:
            done = subprocess.run(
                self.command(words), input=self.fill(text).encode(), capture_output=True, timeout=PATIENCE * 5,
                env=dict(os.environ, ETCDCTL_API="3"), check=False)
        except subprocess.TimeoutExpired as late:
            return -1, f"not over after {PATIENCE * 5} s: {late.stdout} {late.stderr}"
        output = done.stdout
        if "protobuf" in words and not done.returncode:
            output = shown(output)
        return done.returncode, (output + done.stderr).decode(errors="backslashreplace")

    def watches(self, words):
        """How many watches the member has that `words` ask."""
        asked = re.search(r"127\.0\.0\.1:\d+", " ".join(self.command(words))).group()
        context = None
        if self.scheme == "https":
            context = ssl.create_default_context(cafile=f"{self.folder}/ca.pem")
            context.load_cert_chain(f"{self.folder}/client.pem", f"{self.folder}/client.key")
        with urllib.request.urlopen(f"{self.scheme}://{asked}/metrics", timeout=PATIENCE, context=context) as page:
            found = re.search(r"(?m)^etcd_debugging_mvcc_watcher_total (\d+)", page.read().decode())
        return int(found.group(1)) if found else 0

    # What is not compared.

    def identifier(self, number):
        return self.ids.setdefault(number, f"id{len(self.ids) + 1}")

    def normal(self, text, hide=(), drop=()):
        """Numbers that name something are named by when they first appear where they are compared."""
        text = "\n".join(line for line in text.splitlines() if not line.startswith('{"level":'))
        # Where etcdctl itself fails, it says where.
        text = text.split("\ngoroutine ")[0].split("\n[signal")[0]
        text = text.replace(self.folder, "FOLDER")
        for address, name in self.addresses.items():
            text = text.replace(address, name)
        for pattern, replacement in (
                (r'("(?:raft_term|raftTerm|raftIndex|raftAppliedIndex)":)\d+', r"\1N"),
                (r'(?m)^("(?:RaftTerm|RaftIndex|RaftAppliedIndex)" : )\d+', r"\1N"),
                # Of `endpoint status`: "… false, false, 2, 52, 52, ", and the same three columns of its table.
                (r"((?:true|false)(, | +\| +)(?:true|false)(?:, | +\| +))\d+(?:, | +\| +)\d+(?:, | +\| +)\d+",
                 r"\1N\2N\2N"),
                (r'("(?:dbSize|dbSizeInUse|totalSize|remaining_bytes)":)\d+', r"\1SIZE"),
                (r'(?m)^("(?:DBSize|Size|TotalSize)" : )\d+', r"\1SIZE"),
                (r"\b\d+(?:\.\d+)? (?:B|kB|MB|GB)\b", "SIZE"),
                (r"\b\d+(?:\.\d+)?(?:ns|µs|ms|s|m\d+(?:\.\d+)?s)\b(?!\))", "TIME"),
                (r'("took":")[^"]*', r"\1TIME"),
                (r"remaining\((?:9[0-9]|100)s\)", "remaining(SOON)"),
                (r'("ttl":)(?:9[0-9]|100)\b', r"\1SOON"),
                (r'(?m)^("TTL" : )(?:9[0-9]|100)$', r"\1SOON")):
            text = re.sub(pattern, replacement, text)
        text = re.sub(
            r'(ETCD_INITIAL_CLUSTER=")([^"]*)', lambda found: found[1] + ",".join(sorted(found[2].split(","))), text)

        def name(found):
            word = found.group()
            try:
                number = int(word) if re.fullmatch(r"\d{17,}", word) else int(word, 16)
            except ValueError:
                return word
            return f"id{number}"

        text = re.sub(r"\b(?:0x)?[0-9a-f]{13,16}\b|\b\d{17,20}\b", name, text)
        # What surrounds a column of such words is as wide as they are.
        text = "\n".join(re.sub(r"-{2,}", "--", re.sub(r" {2,}", " ", line)).rstrip() for line in text.splitlines())
        for pattern in hide:
            text = re.sub(pattern, "HIDDEN", text)
        for pattern in drop:
            text = re.sub(pattern, "", text)
        return re.sub(r"\bid(\d{12,})\b", lambda found: self.identifier(int(found[1])), text)
