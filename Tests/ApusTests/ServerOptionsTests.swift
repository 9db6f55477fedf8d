import ApusControlPlane
import Testing

@testable import apus

@Suite struct ServerOptionsTests {
    private func options(_ words: String..., environment: [String: String] = [:]) throws -> ServerOptions {
        try ServerOptions(ServerArguments(words), environment: environment)
    }

    private func flaw(_ words: String..., environment: [String: String] = [:]) -> String {
        do {
            _ = try ServerOptions(ServerArguments(words), environment: environment)
            return "no flaw"
        } catch { return error.description }
    }

    @Test func `the defaults are those of etcd`() throws {
        let options = try options()
        #expect(options.name == "default")
        #expect(options.dataFolder == "default.etcd")
        #expect(options.listenClientURLs.map(\.description) == ["http://localhost:2379"])
        #expect(options.advertiseClientURLs.map(\.description) == ["http://localhost:2379"])
        #expect(options.listenPeerURLs.map(\.description) == ["http://localhost:2380"])
        #expect(options.initialCluster == [.init(name: "default", peerURL: "http://localhost:2380")])
        #expect(options.isNew)
        #expect(options.clusterToken == "etcd-cluster")
        #expect(options.heartbeatMilliseconds == 100)
        #expect(options.electionMilliseconds == 1_000)
        #expect(options.maxTxnOperations == 128)
        #expect(options.maxRequestBytes == 1_572_864)
        #expect(options.autoCompaction == .off)
        #expect(options.withoutEffect.isEmpty)
        #expect(options.remarks.isEmpty)
    }

    @Test func `flags are read as Go reads them`() throws {
        let options = try options(
            "-name", "a", "--data-dir=/x=y", "-heartbeat-interval=20", "--election-timeout", "200", "-client-cert-auth",
            "--trusted-ca-file", "ca")
        #expect(options.name == "a")
        #expect(options.dataFolder == "/x=y")
        #expect(options.heartbeatMilliseconds == 20)
        #expect(options.electionMilliseconds == 200)
        #expect(options.client.asksForCertificates)
        #expect(try self.options("--name=a", "--name=b").name == "b")
        #expect(try self.options("--client-cert-auth=false").client.asksForCertificates == false)
        #expect(flaw("--name") == "--name needs a value: --name=…")
        #expect(flaw("--client-cert-auth", "true").hasPrefix("'true' is not a flag"))
        #expect(flaw("run").hasPrefix("'run' is not a flag"))
        #expect(try self.options("--name", "x", "--").name == "x")
    }

    @Test func `an unknown flag is answered with the nearest`() {
        #expect(flaw("--listen-client-url=http://127.0.0.1:1").contains("did you mean --listen-client-urls?"))
        #expect(flaw("--naem", "x").contains("did you mean --name?"))
        #expect(flaw("--zzzzzzzzzzzzzzzz").hasPrefix("--zzzzzzzzzzzzzzzz is not a flag of apus server (`apus"))
    }

    @Test(
        arguments: [
            (
                ["--heartbeat-interval=x"],
                "--heartbeat-interval: 'x' is not a whole number of milliseconds, such as 100"
            ),
            (["--heartbeat-interval=0"], "--heartbeat-interval: 0 is out of range; from 1 to 50000 milliseconds"),
            (["--election-timeout=51000"], "--election-timeout: 51000 is out of range; from 1 to 50000 milliseconds"),
            (
                ["--heartbeat-interval=300"],
                "--election-timeout: 1000 ms is too short; it must be at least 5 times --heartbeat-interval, which is 300 ms"
            ),
            (
                ["--listen-peer-urls=http://example.com:2380"],
                "--listen-peer-urls: expected IP in URL for binding (http://example.com:2380); 0.0.0.0 is all addresses"
            ),
            (
                ["--listen-peer-urls=ftp://127.0.0.1:1"],
                "--listen-peer-urls: URL scheme must be http, https, unix, or unixs: ftp://127.0.0.1:1"
            ),
            (
                ["--listen-peer-urls=http://127.0.0.1"],
                "--listen-peer-urls: URL address does not have the form \"host:port\": http://127.0.0.1"
            ),
            (
                ["--listen-client-urls=http://127.0.0.1:5"],
                "--advertise-client-urls is required when --listen-client-urls is set explicitly: where do clients reach this node?"
            ),
            (["--advertise-client-urls=http://:2379"], "--advertise-client-urls: unexpected empty host (http://:2379)"),
            (
                ["--initial-cluster=b=http://127.0.0.1:2380"],
                "--initial-cluster: couldn't find local name \"default\" in the initial cluster configuration (b)"
            ),
            (
                ["--initial-cluster=default=http://127.0.0.1:2380"],
                "--initial-advertise-peer-urls: http://localhost:2380 is not what --initial-cluster says of \"default\": http://127.0.0.1:2380"
            ),
            (["--initial-cluster=default"], "--initial-cluster: 'default' is not name=http://host:2380"),
            (["--initial-cluster-state=maybe"], "--initial-cluster-state: 'maybe' is not one of new, existing"),
            (
                ["--listen-metrics-urls=http://localhost:2380"],
                "--listen-metrics-urls: localhost:2380 is in --listen-peer-urls already; a port serves one of them"
            ),
            (
                ["--listen-client-urls=https://127.0.0.1:1", "--advertise-client-urls=https://a:1"],
                "--listen-client-urls: https://127.0.0.1:1 needs a certificate: --cert-file and --key-file, or --auto-tls"
            ),
            (["--cert-file=c"], "--cert-file needs --key-file: a certificate is of no use without its key"),
            (
                ["--client-cert-auth"],
                "--client-cert-auth needs --trusted-ca-file: who signs the certificates that count?"
            ),
            (["--auth-token=jwt,pub-key=x"], "--auth-token: 'jwt,pub-key=x' is not offered; only simple tokens are"),
            (
                ["--peer-cert-allowed-cn=a"],
                "--peer-cert-allowed-cn and --peer-cert-allowed-hostname need --peer-trusted-ca-file: no certificate is asked for"
            ),
            (
                [
                    "--listen-peer-urls=http://127.0.0.1:1,https://127.0.0.1:2", "--peer-cert-file=c",
                    "--peer-key-file=k",
                ],
                "--listen-peer-urls: http and https together; give one of them"
            ),
            (["--bcrypt-cost=3"], "--bcrypt-cost: 3 is out of range; from 4 to 31 rounds, as a power of two"),
            (
                ["--discovery=http://x"],
                "--discovery: not offered here; name the nodes with --initial-cluster name=http://host:2380,…"
            ),
            (
                ["--auto-compaction-retention=x"],
                "--auto-compaction-retention: 'x' is not a duration like 5m or 1h, or a number of hours"
            ),
            (
                ["--auto-compaction-mode=revision", "--auto-compaction-retention=5m"],
                "--auto-compaction-retention: '5m' is not a number of revisions such as 1000"
            ),
            (
                ["--grpc-keepalive-timeout=5"],
                "--grpc-keepalive-timeout: '5' is not a duration; write it like 5s, 100ms or 1h30m"
            ),
        ] as [([String], String)])
    func `a wrong value is answered in one line with the flag and the value`(words: [String], line: String) {
        do {
            _ = try ServerOptions(ServerArguments(words), environment: [:])
            Issue.record("no flaw in \(words)")
        } catch {
            #expect(error.description == line)
            #expect(!line.contains("\n"))
        }
    }

    @Test func `auto compaction counts hours, durations or revisions`() throws {
        #expect(try options("--auto-compaction-retention=2").autoCompaction == .periodic(.seconds(7_200)))
        #expect(try options("--auto-compaction-retention=5m").autoCompaction == .periodic(.seconds(300)))
        #expect(try options("--auto-compaction-retention=0").autoCompaction == .off)
        #expect(
            try options("--auto-compaction-mode=revision", "--auto-compaction-retention=1000").autoCompaction
                == .revision(1_000))
    }

    @Test func `a free port needs no advertised one`() throws {
        let options = try options("--listen-client-urls=http://127.0.0.1:0", "--listen-peer-urls=http://127.0.0.1:0")
        #expect(options.advertiseClientURLs.map(\.port) == [0])
    }

    @Test func `the environment gives what flags do not`() throws {
        let environment = ["ETCD_NAME": "e", "ETCD_HEARTBEAT_INTERVAL": "50", "ETCD_PORT": "tcp://x", "PATH": "/bin"]
        let options = try options("--name=f", environment: environment)
        #expect(options.name == "f")
        #expect(options.heartbeatMilliseconds == 50)
        #expect(
            options.remarks == [
                "ETCD_NAME has no effect: --name is given too", "ETCD_PORT is in the environment, but names no flag",
            ])
        #expect(
            flaw(environment: ["ETCD_SNAPSHOT_COUNT": "many"])
                == "ETCD_SNAPSHOT_COUNT: 'many' is not a whole number of entries, such as 100000")
    }

    @Test func `what changes nothing is named with its reason`() throws {
        let options = try options("--max-wals=7", "--pre-vote=true", "--enable-pprof", "--unsafe-no-fsync=0")
        #expect(
            options.withoutEffect == [
                "--max-wals (a node keeps the log it needs)",
                "--enable-pprof (profiles are taken from outside, with perf)",
            ])
    }

    /// As kubeadm 1.28 writes it.
    @Test func `a manifest of Kubernetes is understood`() throws {
        let options = try options(
            "--advertise-client-urls=https://10.0.0.1:2379", "--cert-file=/pki/server.crt", "--client-cert-auth=true",
            "--data-dir=/var/lib/etcd", "--experimental-initial-corrupt-check=true",
            "--experimental-watch-progress-notify-interval=5s", "--initial-advertise-peer-urls=https://10.0.0.1:2380",
            "--initial-cluster=node=https://10.0.0.1:2380", "--key-file=/pki/server.key",
            "--listen-client-urls=https://127.0.0.1:2379,https://10.0.0.1:2379",
            "--listen-metrics-urls=http://127.0.0.1:2381", "--listen-peer-urls=https://10.0.0.1:2380", "--name=node",
            "--peer-cert-file=/pki/peer.crt", "--peer-client-cert-auth=true", "--peer-key-file=/pki/peer.key",
            "--peer-trusted-ca-file=/pki/ca.crt", "--snapshot-count=10000", "--trusted-ca-file=/pki/ca.crt")
        #expect(options.listenClientURLs.count == 2)
        #expect(options.watchProgressInterval == .seconds(5))
        #expect(options.peer.asksForCertificates)
    }

    @Test func `the help has every flag`() {
        for flag in ServerFlag.all { #expect(ServerHelp.text.contains("--\(flag.name)")) }
        #expect(Set(ServerFlag.all.map(\.name)).count == ServerFlag.all.count)
        for line in ServerHelp.text.split(separator: "\n") { #expect(line.count <= 200, "\(line)") }
    }

    @Test func `every default is a value of its flag`() {
        for flag in ServerFlag.all where !flag.standard.isEmpty {
            #expect(flag.complaint(flag.standard) == nil, "\(flag.name)")
        }
    }
}
