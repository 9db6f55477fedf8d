import ApusControlPlane
import Testing

@testable import apus

@Suite struct ServerConfigFileTests {
    private func parse(_ text: String) throws(ServerFlaw) -> GivenValues {
        try ServerConfigFile.parse(text, path: "e.yml")
    }

    /// The keys of the sample that comes with etcd, as it has them.
    @Test func `a file as etcd's is read`() throws {
        let given = try parse(
            """
            # This is the configuration file for the etcd server.
            name: 'infra0'
            data-dir: /var/lib/etcd
            wal-dir:
            snapshot-count: 10000
            heartbeat-interval: 50
            quota-backend-bytes: 0
            listen-peer-urls: http://localhost:2380
            listen-client-urls: http://localhost:2379,http://127.0.0.1:3379
            advertise-client-urls: http://localhost:2379
            max-snapshots: 5
            cors:
            initial-cluster: infra0=http://localhost:2380
            initial-cluster-token: 'token'
            strict-reconfig-check: false
            client-transport-security:
              cert-file: c.pem
              key-file: k.pem
              client-cert-auth: false
              trusted-ca-file:
              auto-tls: false
            peer-transport-security:
              cert-file:
              auto-tls: false
            log-level: debug
            logger: zap
            log-outputs: [stderr, /tmp/log]
            force-new-cluster: false
            auto-compaction-mode: periodic
            auto-compaction-retention: "1"
            grpc-keepalive-timeout: 20000000000
            """)
        let options = try ServerOptions(given)
        #expect(options.name == "infra0")
        #expect(options.dataFolder == "/var/lib/etcd")
        #expect(options.heartbeatMilliseconds == 50)
        #expect(options.listenClientURLs.map(\.port) == [2379, 3379])
        #expect(options.clusterToken == "token")
        #expect(!options.strictReconfigurationCheck)
        #expect(
            options.withoutEffect == [
                "snapshot-count in e.yml (a snapshot is taken after 64 MiB of changes, and stops nobody)"
            ])
        #expect(options.client.certificate == "c.pem")
        #expect(options.client.key == "k.pem")
        #expect(options.log.level == "debug")
        #expect(options.log.outputs == ["stderr", "/tmp/log"])
        #expect(options.autoCompaction == .periodic(.seconds(3_600)))
    }

    @Test(
        arguments: [
            ("naem: x", "naem in e.yml is not a setting; did you mean name?"),
            (
                "client-transport-security:\n  cret: x",
                "client-transport-security.cret in e.yml is not known; it may have allowed-hostname, auto-tls, cert-file, client-cert-auth, key-file, trusted-ca-file"
            ),
            ("name: [a: b", nil),
            ("- name", "--config-file: 'e.yml' holds no keys; write lines like `name: infra0`"),
            ("name: {a: b}", "name in e.yml must be one value"),
        ] as [(String, String?)])
    func `what is wrong in it is named`(text: String, line: String?) {
        do {
            _ = try parse(text)
            Issue.record("no flaw")
        } catch {
            if let line { #expect(error.description == line) }
            #expect(error.description.contains("e.yml"))
            #expect(!error.description.contains("\n"))
        }
    }

    @Test func `a file says everything, and what else was said is remarked on`() throws {
        let options = try ServerOptions(
            ServerArguments(["--config-file", "e.yml", "--name", "x"]), environment: ["ETCD_NAME": "y"],
            readFile: { path throws(ServerFlaw) in try ServerConfigFile.parse("name: z", path: path) })
        #expect(options.name == "z")
        #expect(options.remarks == ["--name have no effect: --config-file says everything"])
    }

    @Test func `a wrong value in a file is named with its key`() {
        #expect(
            throws: ServerFlaw("heartbeat-interval in e.yml: 'x' is not a whole number of milliseconds, such as 100")
        ) {
            _ = try ServerOptions(parse("heartbeat-interval: x"))
        }
        #expect(throws: ServerFlaw.self) { _ = try ServerConfigFile.read("/nowhere/e.yml") }
    }

    @Test func `durations are read as Go reads them`() {
        #expect(GoDuration.parse("1h30m") == .seconds(5_400))
        #expect(GoDuration.parse("1.5s") == .milliseconds(1_500))
        #expect(GoDuration.parse("100ms") == .milliseconds(100))
        #expect(GoDuration.parse("7us") == .microseconds(7))
        #expect(GoDuration.parse("0") == .zero)
        for text in ["", "5", "s", "1x", "-1s", "1..5s", "99999999999999h"] {
            #expect(GoDuration.parse(text) == nil, "\(text)")
        }
    }
}
