import Foundation
import TestSupport
import Testing

/// Debian's etcdctl 3.4, all commands and flags, against etcd and ours; the script says what it leaves out of the comparison.
@Suite(.serialized) struct EtcdctlTests {
    @Test(.timeLimit(.minutes(10)))
    func `etcdctl prints the same, of one node and of three`() async throws {
        var words = ["timeout", "500", Command.repository.appending(path: "scripts/compare-etcdctl").path]
        words += Contender.isEtcd ? ["--self"] : ["--apus", try BuiltProgram.url("apus").path]
        print(try await Command.run(words).split(separator: "\n").suffix(70).joined(separator: "\n"))
    }
}
