import ApusPrimitives
import ApusRaft

extension DiskStorage {
    /// Puts a state machine into a folder that has nothing yet, as if it were the state after a first command: for members of a new
    /// cluster that begins with the data of another. Each must be given the same machine and the same members, and be started as
    /// `Beginning.founding` them.
    ///
    /// Blocks until it is on disk.
    /// - Throws: `NodeError` `.invalidRequest` when the folder has something already; what the disk refuses.
    public func found(_ machine: some StateMachine, members: [Member]) throws {
        guard recovered.snapshot == nil, recovered.entries.isEmpty else {
            throw NodeError(.invalidRequest, "the folder has the data of a node already")
        }
        var writer = try beginSnapshot(
            SnapshotMetadata(
                index: LogIndex(1), term: Term(1), configuration: Configuration(voters: members.map(\.id))))
        do {
            let sink = FoundingSink(writer)
            var output = SnapshotOutput { try sink.writer.write($0) }
            try NodeImage(book: MemberBook(members)).write(to: &output)
            try machine.write(to: &output)
            try output.finish()
            writer = sink.writer
            try writer.finish()
        } catch {
            writer.cancel()
            throw error
        }
    }
}

private final class FoundingSink {
    var writer: any NodeSnapshotWriter

    init(_ writer: any NodeSnapshotWriter) {
        self.writer = writer
    }
}
