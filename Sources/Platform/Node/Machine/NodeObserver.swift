public import ApusRaft

/// What an application does on a node beside its state machine: it wakes watchers, keeps time for leases, answers what other
/// nodes ask of the leader.
///
/// All calls come on the node's event loop, one after the other, and must not wait for anything. A machine that is passed in may
/// be looked at during the call; who keeps a copy of it makes its next write copy what they share.
public protocol NodeObserver<Machine>: AnyObject, Sendable {
    associatedtype Machine: StateMachine

    /// Commands were applied, after their proposers had their answers and before reads that waited for them are served.
    ///
    /// - Parameters:
    ///   - index: of the last one.
    ///   - term: in which that was proposed.
    func applied(_ machine: Machine, through index: LogIndex, term: Term)

    /// The machine was replaced by that of a snapshot: at the start of a node that has one, and when a node was so far behind that
    /// the leader sent one.
    func restored(_ machine: Machine, at index: LogIndex)

    func standingChanged(_ standing: Standing)

    /// Another node, or this one, asks this node, which leads, by `ReplicatedNode.askLeader`.
    ///
    /// - Parameter reply: to be called once, on any thread, now or later; the node that asked gives up after its `timeoutTicks`.
    func answer(_ request: [UInt8], _ reply: @escaping @Sendable (Result<[UInt8], NodeError>) -> Void)
}
