import Foundation
import TestSupport
import Testing

/// `apus ctl snapshot status` and `restore`, with snapshots of a real etcd and of `apus server`.
@Suite struct CtlSnapshotTests {
    /// A SHA-256, at the end of a snapshot.
    private static let hashBytes = 32

    private let apus: URL
    private let etcdctl: URL

    init() throws {
        apus = try BuiltProgram.url("apus")
        etcdctl = try EtcdProgram.etcdctl()
    }

    private func ctl(_ words: String...) async throws -> CtlTests.Outcome {
        try await CtlTests.run(apus, ["ctl"] + words, withErrors: true)
    }

    /// A server with keys, a lease, a user and a history, and a snapshot of it in its folder.
    private func sample(_ program: EtcdProgram) async throws -> (server: EtcdServer, snapshot: String) {
        let server = try await EtcdServer(program)
        for words in [
            "put a 1", "put a 2", "put b old", "del b", "put c 3", "lease grant 600", "role add reader",
            "role grant-permission reader read a", "user add ann:secret", "user grant-role ann reader", "put a 3",
            "compaction 3 --physical", "put d 4",
        ] {
            let outcome = try await get(server, words)
            try #require(outcome.status == 0, "\(words): \(outcome.output)")
        }
        let file = server.folder.file("snapshot.db")
        try #require(try await get(server, "snapshot save \(file)").status == 0)
        return (server, file)
    }

    private func get(_ server: EtcdServer, _ words: String) async throws -> CtlTests.Outcome {
        try await CtlTests.run(
            etcdctl, ["--endpoints", server.endpointList] + words.split(separator: " ").map(String.init))
    }

    private func flags(_ server: EtcdServer) -> [String] {
        let member = server.members[0]
        return [
            "--data-dir", member.dataPath, "--name", member.name, "--initial-cluster",
            "\(member.name)=\(member.peerURL)",
            "--initial-advertise-peer-urls", member.peerURL, "--initial-cluster-token", "restored",
        ]
    }

    /// What a server has, as far as it does not depend on who it is.
    private func contents(_ server: EtcdServer) async throws -> [String] {
        var texts: [String] = []
        for words in [
            "get a c", "get --prefix a -w fields", "get d", "get a --rev=4", "get a --rev=2", "lease list",
            "user get ann",
            "role get reader", "endpoint hashkv",
        ] {
            let text = try await get(server, words).output
            texts.append(
                text.split(separator: "\n").filter { !$0.contains("ID\" :") && !$0.contains("RaftTerm") }.map { line in
                    words.hasPrefix("endpoint") ? String(line.split(separator: " ").last ?? "") : String(line)
                }.joined(separator: "\n"))
        }
        return texts
    }

    @Test(.timeLimit(.minutes(2)))
    func statusIsEtcdctls() async throws {
        for program in [try EtcdProgram.etcd(), try .apus()] {
            let (origin, snapshot) = try await sample(program)
            // The file is in its folder.
            defer { withExtendedLifetime(origin) {} }
            for format in ["simple", "json", "fields", "table"] {
                let theirs = try await CtlTests.run(etcdctl, ["snapshot", "status", snapshot, "-w", format])
                let ours = try await CtlTests.run(apus, ["ctl", "snapshot", "status", snapshot, "-w", format])
                #expect(theirs.status == 0)
                #expect(ours == theirs, "\(format) of a snapshot of \(program)")
            }
        }
    }

    /// What is restored goes on where the snapshot ended.
    private func compare(_ origin: EtcdServer, _ restored: EtcdServer) async throws {
        try await restored.members[0].waitUntilReady()
        let (expected, found) = (try await contents(origin), try await contents(restored))
        #expect(found == expected)
        #expect(try await get(restored, "put a more").status == 0)
        #expect(try await get(restored, "member list").output.contains(restored.members[0].peerURL))
    }

    private func empty(_ program: EtcdProgram) async throws -> EtcdServer {
        let server = try await EtcdServer(program)
        try await server.members[0].stop()
        try FileManager.default.removeItem(atPath: server.members[0].dataPath)
        return server
    }

    @Test(.timeLimit(.minutes(2)), arguments: [true, false])
    func aSnapshotIsRestoredByOurs(isOfEtcd: Bool) async throws {
        let (origin, snapshot) = try await sample(isOfEtcd ? .etcd() : .apus())
        let restored = try await empty(.apus())
        let outcome = try await CtlTests.run(
            apus, ["ctl", "snapshot", "restore", snapshot] + flags(restored), withErrors: true)
        try #require(outcome.status == 0, "\(outcome.output)")
        try restored.members[0].start()
        try await compare(origin, restored)
    }

    @Test(.timeLimit(.minutes(2)))
    func aSnapshotOfOursIsRestoredByEtcd() async throws {
        let (origin, snapshot) = try await sample(.apus())
        let restored = try await empty(.etcd())
        let outcome = try await CtlTests.run(
            etcdctl, ["snapshot", "restore", snapshot] + flags(restored), withErrors: true)
        try #require(outcome.status == 0, "\(outcome.output)")
        try restored.members[0].start()
        try await compare(origin, restored)
    }

    @Test(.timeLimit(.minutes(2)))
    func whatIsNoSnapshotIsRefused() async throws {
        let (server, snapshot) = try await sample(.etcd())
        let folder = server.folder
        let whole = try Data(contentsOf: URL(filePath: snapshot))
        func write(_ name: String, _ bytes: Data) throws -> String {
            try bytes.write(to: URL(filePath: folder.file(name)))
            return folder.file(name)
        }
        func refused(_ file: String, _ reason: String, into name: String = "new", _ flags: String...) async throws {
            let words = ["ctl", "snapshot", "restore", file, "--data-dir", folder.file(name)] + flags
            let outcome = try await CtlTests.run(apus, words, withErrors: true)
            #expect(outcome.status == 1 && outcome.output.contains(reason), "\(file): \(outcome)")
        }

        // One bit among the data, and one of the hash itself.
        for (name, place) in [("data.db", whole.count / 2), ("hash.db", whole.count - 1)] {
            var damaged = whole
            damaged[place] ^= 1
            try await refused(try write(name, damaged), "it is damaged")
        }
        let bare = try write("bare.db", whole.dropLast(Self.hashBytes))
        try await refused(bare, "snapshot missing hash")
        try await refused(try write("short.db", whole.prefix(9_000)), "snapshot: ")
        try await refused(try write("text.db", Data("no database at all".utf8)), "snapshot: ")
        try await refused(try write("empty.db", Data()), "snapshot: ")
        try await refused(folder.file("none.db"), "none.db")
        // Nothing of those was left behind.
        #expect(!FileManager.default.fileExists(atPath: folder.file("new")))

        // A folder with data stays as it is.
        try await refused(snapshot, "not empty", into: server.members[0].name)
        for file in ["text.db", "none.db", "empty.db"] {
            #expect(try await ctl("snapshot", "status", folder.file(file)).status == 1)
        }
        #expect(try await ctl("snapshot", "status").status == 128)

        // Whoever says so gets what has no hash, once.
        let taken = try await ctl("snapshot", "restore", bare, "--data-dir", folder.file("new"), "--skip-hash-check")
        #expect(taken.status == 0, "\(taken.output)")
        try await refused(bare, "not empty", into: "new", "--skip-hash-check")
        #expect(
            try await ctl(
                "snapshot", "restore", bare, "--data-dir", folder.file("x"), "--initial-cluster", "a=http://a:1"
            )
            .status == 1)
    }
}
