import Foundation
import TestSupport
import Testing

/// Debian's etcdctl 3.4, command by command, against etcd and ours; the script says what it leaves out of the comparison.
@Suite(.serialized) struct EtcdctlTests {
    @Test(.timeLimit(.minutes(10)), arguments: Contender.nodes)
    func `etcdctl prints the same`(count: Int) async throws {
        var words = [
            "timeout", "500", Command.repository.appending(path: "scripts/compare-etcdctl").path, "--nodes", "\(count)",
            "--parts", Contender.etcdctlParts.joined(separator: ","),
        ]
        words += Contender.isEtcd ? ["--self"] : ["--apus", try BuiltProgram.url("apus").path]
        print(try await Command.run(words).split(separator: "\n").suffix(60).joined(separator: "\n"))
    }
}
