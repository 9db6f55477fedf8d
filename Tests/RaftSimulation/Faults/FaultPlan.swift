import ApusPrimitives
public import ApusRaft

/// Everything that may go wrong in one simulation, and how often: a value, drawn from the seed. Each seed has some of the
/// faults and not the others, which finds more than all of them always (Groce et al., "Swarm testing", 2012).
///
/// Times are in microseconds, probabilities in thousandths.
public struct FaultPlan: Hashable, Sendable {
    public var voters = 3
    public var learners = 0
    /// How long the faults last.
    public var safetyTime: UInt64 = 2_000_000
    /// How long the healed cluster may take to agree and to answer everybody.
    public var livenessTime: UInt64 = 30_000_000

    public var dropPerMille = 0
    public var doublePerMille = 0
    public var delay: ClosedRange<UInt64> = 100...1_500
    /// Messages that take up to `longDelay`.
    public var longDelayPerMille = 0
    public var longDelay: UInt64 = 200_000
    public var keepsOrder = true
    /// The mean time from one cut to the next; nil: never. So with every `…Every`.
    public var cutEvery: UInt64?
    public var cutTime: UInt64 = 300_000

    public var crashEvery: UInt64?
    public var downTime: UInt64 = 200_000
    public var halfwayPerMille = 0
    /// State machines live through a crash, as one with a disk of its own does.
    public var storeSurvives = false

    public var writeTime: ClosedRange<UInt64> = 50...1_000
    public var stallPerMille = 0
    public var stallTime: UInt64 = 400_000
    public var tearsWrites = false
    public var diskErrorPerMille = 0
    public var fullEvery: UInt64?
    public var fullTime: UInt64 = 300_000

    /// How much faster or slower than others a clock may be, in thousandths.
    public var driftPerMille = 0
    public var jumpEvery: UInt64?

    public var memberChangeEvery: UInt64?
    public var transferEvery: UInt64?
    /// Somebody else becomes leader while the old one hears nothing.
    public var coupEvery: UInt64?
    /// A node takes a snapshot after so many applied entries; 0: never.
    public var snapshotEntries = 0
    /// Makes snapshots larger than a chunk.
    public var snapshotPadding = 0

    public var clients = 3
    public var keys = 2
    public var readPerMille = 400
    public var leaseReadPerMille = 0
    /// Commands that nobody waits for, which fill the log.
    public var loadEvery: UInt64?
    /// Inputs after which the shell lets more come before it takes what is ready.
    public var batchPerMille = 0

    public var options = RaftOptions()

    /// Nothing goes wrong.
    public init() {
        options.trailingEntries = 10
        options.maximumMessageBytes = 4_096
    }

    public static let tickTime: UInt64 = 10_000
    /// Nodes that may ever exist in one simulation: members, and those who come instead.
    static let maximumNodes = 9
}
