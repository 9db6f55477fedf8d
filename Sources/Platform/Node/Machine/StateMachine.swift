public import ApusRaft

/// What a cluster replicates: every node has one, applies the same commands to it in the same order, and so has the same.
///
/// A value: a copy of it is a snapshot. Taking the copy must be cheap (arrays, dictionaries and the KV core's maps are copied
/// when they are next written); it is written to disk elsewhere, while the original goes on.
///
/// `apply` must be a function of the state and the command alone: no clock, no randomness, nothing of the machine it runs
/// on, no order of a `Dictionary` or a `Set`. It runs on the event loop of its node and must not wait for anything.
public protocol StateMachine: Sendable {
    /// What the proposer of a command gets back, on the node where it proposed it.
    associatedtype Answer: Sendable

    /// Applies one command. It was proposed by some node's application, perhaps an older version of it: a command that cannot
    /// be understood must be answered on every node alike, and must not trap.
    ///
    /// - Parameter index: where in the log it is; grows from command to command, with gaps.
    mutating func apply(_ command: ArraySlice<UInt8>, at index: LogIndex) -> Answer

    /// As `apply(_:at:)`, which it calls unless a machine has its own: for commands that count only while the leader leads that decided
    /// on them. A command that was proposed by a node that lost the lead comes again, in the term of another.
    ///
    /// - Parameter term: of the leader that put the command into the log.
    mutating func apply(_ command: ArraySlice<UInt8>, at index: LogIndex, term: Term) -> Answer

    /// Writes all of the state. Runs on a thread of its own, on a copy.
    func write(to snapshot: inout SnapshotOutput) throws

    /// Replaces all of the state by what `write(to:)` wrote, here or on another node. Runs on a thread of its own, on a copy
    /// of the machine that the node was made with.
    mutating func restore(from snapshot: inout SnapshotInput) throws
}

extension StateMachine {
    public mutating func apply(_ command: ArraySlice<UInt8>, at index: LogIndex, term: Term) -> Answer {
        apply(command, at: index)
    }
}
