/// How one seed went.
public struct SimulationResult: Sendable {
    public let seed: UInt64
    /// Nil when every promise was kept.
    public let broken: Broken?
    /// Of everything that happened, in order.
    public let fingerprint: UInt64
    public let statistics: Statistics
    /// Empty unless it was asked for.
    public let transcript: [String]
}

/// What happened in a simulation, or in many: that the faults were there, and the work went on.
public struct Statistics: Hashable, Sendable {
    public var events = 0
    public var virtualTime: UInt64 = 0
    public var operations = 0
    public var unknownHistories = 0
    public var messages = 0
    public var elections = 0
    public var committed = 0
    public var crashes = 0
    public var snapshotsTaken = 0
    public var snapshotsReceived = 0
    public var memberChanges = 0
    public var transfers = 0
    public var leaseReads = 0
    public var quorumReads = 0

    public init() {}

    public static func += (left: inout Statistics, right: Statistics) {
        left.events += right.events
        left.virtualTime += right.virtualTime
        left.operations += right.operations
        left.unknownHistories += right.unknownHistories
        left.messages += right.messages
        left.elections += right.elections
        left.committed += right.committed
        left.crashes += right.crashes
        left.snapshotsTaken += right.snapshotsTaken
        left.snapshotsReceived += right.snapshotsReceived
        left.memberChanges += right.memberChanges
        left.transfers += right.transfers
        left.leaseReads += right.leaseReads
        left.quorumReads += right.quorumReads
    }
}
