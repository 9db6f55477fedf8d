import Foundation
import TestSupport
import Testing

/// `apus ctl` beside etcdctl, command by command: each on an etcd of its own, with the same history.
@Suite struct CtlTests {
    struct Outcome: Equatable {
        var output: String
        var status: Int32
    }

    @Test(.timeLimit(.minutes(5)))
    func everyCommandPrintsWhatEtcdctlPrints() async throws {
        let (theirs, ours) = (try await EtcdServer(.etcd()), try await EtcdServer(.etcd()))
        let (etcdctl, apus) = (try EtcdProgram.etcdctl(), try BuiltProgram.url("apus"))
        var leases = ["", ""]
        for (index, line) in Self.commands.enumerated() {
            let (input, words) = (line.input, line.words)
            var outcomes: [Outcome] = []
            for (side, server) in [theirs, ours].enumerated() {
                let arguments =
                    ["--endpoints=\(server.endpointList)"] + words.map { $0.replacing("LEASE", with: leases[side]) }
                let outcome = try await Self.run(
                    side == 0 ? etcdctl : apus, (side == 0 ? [] : ["ctl"]) + arguments, input: input)
                if words.starts(with: ["lease", "grant"]), outcome.status == 0,
                    let id = outcome.output.split(separator: " ").dropFirst().first
                {
                    leases[side] = String(id)
                }
                outcomes.append(Self.normalized(outcome, server))
            }
            #expect(outcomes[1] == outcomes[0], "command \(index): \(words.joined(separator: " "))")
        }
    }

    /// Without identifiers, ports and times, which are each server's own.
    private static func normalized(_ outcome: Outcome, _ server: EtcdServer) -> Outcome {
        var text = outcome.output
        for member in server.members {
            text = text.replacing("127.0.0.1:\(member.clientPort)", with: "CLIENT")
            text = text.replacing(member.peerURL, with: "PEER")
        }
        text = text.replacing(#/[0-9]+(\.[0-9]+)?(ms|µs|s)\b/#, with: "TIME")
        text = text.replacing(#/\b[0-9]{15,20}\b/#, with: "ID")
        text = text.replacing(#/ *\b[0-9a-f]{12,16}\b/#, with: "HEX")
        text = text.replacing(#/"(raft_term|raftTerm|raftIndex|raftAppliedIndex|dbSize|dbSizeInUse)":[0-9]+/#) {
            "\($0.1):N"
        }
        text = text.replacing(#/"(RaftTerm|RaftIndex|RaftAppliedIndex|DBSize)" : [0-9]+/#) { "\($0.1):N" }
        // What is left of 100 seconds.
        text = text.replacing(#/"(TTL|ttl)"( : |:)9[0-9]\b/#) { "\($0.1) of 100" }
        // How a lock is made differs in the entries that it takes.
        text = text.replacing(#/\b[0-9]+(,| +\|) +[0-9]+(,| +\|) +[0-9]+(,| +\|)/#, with: "RAFT")
        text = text.replacing(#/\b[0-9.]+ k?B\b/#, with: "SIZE")
        // The width of tables depends on the identifiers.
        text = text.replacing(#/-{3,}/#, with: "-").replacing(#/ {2,}/#, with: " ")
        // Members are in the order of their identifiers.
        if text.contains("ETCD_INITIAL_CLUSTER") || text.contains("unstarted") {
            let lines = text.split(separator: "\n").map { line in
                line.split(whereSeparator: { ",\"".contains($0) }).sorted().joined(separator: ",")
            }
            text = lines.sorted().joined(separator: "\n")
        }
        return Outcome(output: text, status: outcome.status)
    }

    /// - Parameter withErrors: what it writes to standard error is part of the output.
    static func run(
        _ program: URL, _ arguments: [String], input: String = "", withErrors: Bool = false
    ) async throws -> Outcome {
        let process = Process()
        process.executableURL = program
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("ETCDCTL") }
        let (stdin, stdout) = (Pipe(), Pipe())
        process.standardInput = stdin
        process.standardOutput = stdout
        process.standardError = withErrors ? stdout : FileHandle.nullDevice
        try process.run()
        try stdin.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        try stdin.fileHandleForWriting.close()
        let bytes = try stdout.fileHandleForReading.readToEnd() ?? Data()
        try await eventually { !process.isRunning }
        return Outcome(output: String(decoding: bytes, as: UTF8.self), status: process.terminationStatus)
    }

    private struct Line: ExpressibleByStringLiteral, ExpressibleByArrayLiteral {
        var words: [String]
        var input = ""

        init(_ text: String, input: String) {
            words = text.split(separator: " ").map(String.init)
            self.input = input
        }

        init(stringLiteral text: String) { self.init(text, input: "") }

        init(arrayLiteral words: String...) { self.words = words }
    }

    private static let commands: [Line] =
        reading + transactions + leases + roles + members + mistakes

    private static let reading: [Line] = [
        "put a 1", "put a 2 --prev-kv", ["put", "b", "\u{1}\"\\é\u{FFFD}"], Line("put c", input: "from a pipe"),
        "put a 3 -w json", "put a 3 -w fields --prev-kv", "put d -- -7", "get a", "get a c", "get --prefix a",
        "get a -w json",
        "get a -w fields", "get b -w fields", "get a --hex", ["get", "--prefix", ""],
        ["get", "--from-key", "", "--keys-only"],
        "get a --print-value-only", "get a --prefix --count-only -w fields", "get a --rev=2", "get a --consistency=s",
        "get a z --limit=2 --order=DESCEND --sort-by=MODIFY", "get a z --limit 1 -w json", "get nothing",
        "get nothing -w json",
        "put a 4 --ignore-value", "put a --ignore-value", "put nothing --ignore-value", "del d --prev-kv",
        "del nothing",
        "del b -w json --prev-kv", "del --prefix c", "get a --rev=999", "get a -w table", "get a --count-only",
        "get --prefix=true a", "get --prefix=false a",
    ]

    private static let transactions: [Line] = [
        Line("txn", input: "value(\"a\") = \"3\"\nver(\"x\") = \"0\"\n\nput t 1\nget a\ndel nothing\n\nget t\n\n"),
        Line("txn", input: "mod(\"a\") > \"99\"\n\nput t 1\n\nput t '2 3'\nget t --prefix\ndel t --prev-kv\n\n"),
        Line("txn", input: "mod(\"a\") > \"99\"\n\nput t 1\n\nput t \"2\\n\\x41\"\nget t\n\n"),
        Line("txn -w json", input: "create(\"a\") != \"0\"\n\nput u 1\nget u\ndel zz\n\n\n"),
        Line("txn -w fields", input: "ver(\"a\") != \"0\"\n\nput u 1\nget u\ndel a\n\n\n"),
        Line("txn -i", input: "\nget u\n\n\n"), Line("txn", input: "bad\n\n"),
        Line("txn", input: "foo(\"a\") = \"1\"\n\n"),
        Line("txn", input: "\nfrob x\n\n"), Line("txn", input: "ver(\"a\") = \"x\"\n\n"), Line("txn", input: "\nget u"),
    ]

    private static let leases: [Line] = [
        "lease grant 100", "lease grant 100 -w json", "lease grant 100 -w fields", "lease grant 100",
        "put leased 1 --lease=LEASE", "get leased -w json", "lease timetolive LEASE --keys -w json",
        "lease timetolive LEASE --keys -w fields", "lease keep-alive --once LEASE",
        "lease keep-alive --once LEASE -w json",
        "lease revoke LEASE", "get leased", "lease timetolive 123", "lease timetolive 123 -w json", "lease revoke 123",
        "lease keep-alive 123", "lease keep-alive --once 123", "put a 1 --lease=123", "lease grant abc",
        "lease revoke zz",
        "compaction 3", "compaction 3", "compaction 99999", "lock l echo in",
        ["lock", "l", "--", "sh", "-c", "exit 3"],
    ]

    private static let roles: [Line] = [
        "role add r", "role add r", "role grant-permission r readwrite foo --prefix",
        "role grant-permission r read a b",
        "role grant-permission r write q --from-key", "role grant-permission r read one",
        "role grant-permission r bad x",
        "role get r", "role get r -w json", "role get r -w fields", "role list", "role list -w json",
        "role list -w fields",
        "role revoke-permission r foo --prefix", "role revoke-permission r one",
        "role revoke-permission r q --from-key",
        "role get none", "user add u:pw", "user add u:pw", "user add v --no-password",
        "user add w --new-user-password=x",
        Line("user add x --interactive=false", input: "pw\n"), "user grant-role u r", "user grant-role u none",
        "user get u",
        "user get u -w json", "user get u --detail", "user get u -w fields", "user list", "user list -w json",
        Line("user passwd u --interactive=false", input: "new\n"), "user revoke-role u r", "user delete x",
        "user delete x", "role delete r", "auth status", "auth status -w json", "auth enable",
    ]

    private static let members: [Line] = [
        "member list", "member list -w json", "member list -w table", "member list -w fields",
        "member list -w json --hex",
        "member add new", "member add new --peer-urls=http://127.0.0.1:5 --learner", "member list", "member remove 123",
        "member remove zz", "member promote 123", "endpoint status -w json", "endpoint status -w table",
        "endpoint status",
        "endpoint health", "endpoint health -w json", "endpoint health -w table", "endpoint hashkv --rev=5 -w fields",
        "alarm list", "alarm list -w json", "alarm disarm", "defrag", "move-leader 123", "snapshot save",
    ]

    private static let mistakes: [Line] = [
        "get", "get a b --prefix", "get a --from-key --prefix", "put", "del", "lease grant", "lease revoke",
        "member remove", "nosuch", "-w bad get a", "watch", "lock", "elect e",
    ]
}
