public import ApusPrimitives

/// One instance's share of a limit that all instances of a service have together.
///
/// A store keeps what each has been granted, and whoever takes more does it in a transaction that finds enough left; so the
/// sum of what is granted never exceeds the limit. This is what one instance decides from what it read there, as a value:
/// it takes less before it says so, and more only after the store has said so, and it knows what it may use while the
/// store is away. Shares and demands are in thousandths of a permit (in every `per`), so that a limit smaller than the
/// number of instances can be shared too. `SharedQuota` in Coordination is the shell.
///
/// Calls are admitted by a local limiter that follows the share.
public struct QuotaShares: Sendable {
    /// What the store has of one instance.
    public struct Member: Hashable, Sendable {
        /// Sorts the members, the same for everybody.
        public var id: String
        public var share: Int
        public var demand: Int
        /// Of the last change of the share; 0: none is stored.
        public var revision: Int64

        public init(id: String, share: Int, demand: Int, revision: Int64) {
            self.id = id
            self.share = share
            self.demand = demand
            self.revision = revision
        }
    }

    /// What to write to the store.
    public enum Write: Hashable, Sendable {
        /// If the own share is still as it was read.
        case lower(to: Int)
        /// If nobody's share has changed since it was read.
        case raise(to: Int)
    }

    /// What the share is based on.
    public enum Standing: String, Hashable, Sendable {
        /// Nobody settles the share: nothing. Left for `starting`.
        case stopped
        /// The store has not answered yet, nor failed to: nothing. Left for `granted` or `alone`.
        case starting
        /// Granted by the store, and others count on it. Left for `cautious`.
        case granted
        /// The grant has run out, so that others may have it: the smaller of it and an even part. Left for `granted`, and
        /// for `alone` when every other instance that lost the store at the same time is cautious too.
        case cautious
        /// An even part. Left for `granted`.
        case alone
    }

    /// Thousandths of a permit in a permit.
    public static let unit = 1_000

    /// Names the limit in its errors.
    public let name: String
    public private(set) var configuration: Configuration
    /// How many instances the store had when it was read last, this one included.
    public private(set) var instances = 0

    private let lifetime: Duration
    /// What may be used while the grant lasts: never more than the store has for us.
    private var granted = 0
    /// A write whose outcome is not known was to replace this revision: it may still happen as long as the store shows it.
    private var unknown: Int64?
    /// The revision of our share when it was read last.
    private var revision: Int64 = 0
    private var expires: MonotonicTime?
    private(set) var isRunning = false

    var demand: QuotaDemand
    /// nil: the share is nothing.
    var limiter: RateLimiter?
    /// When the share changes by itself; asked by every call, so that none is admitted by a share that has run out.
    var nextChange: MonotonicTime?

    /// - Parameter lifetime: how long a grant outlives the last contact with the store.
    public init(_ name: String, configuration: Configuration, lifetime: Duration, at now: MonotonicTime) {
        self.name = name
        self.configuration = configuration
        demand = QuotaDemand(since: now)
        self.lifetime = max(lifetime, .zero)
    }

    /// All there is to share.
    public var total: Int { configuration.permits * Self.unit }

    /// Somebody settles the share from now on.
    public mutating func start(at now: MonotonicTime) {
        isRunning = true
        apply(at: now)
    }

    /// Nobody settles the share any more, and others may have it.
    public mutating func stop(at now: MonotonicTime) {
        isRunning = false
        (granted, unknown, expires) = (0, nil, nil)
        apply(at: now)
    }

    /// Takes in what the store has, and says what to write; nil: nothing.
    ///
    /// - Parameters:
    ///   - members: all of them; the own one if it is there.
    ///   - id: our own.
    public mutating func read(_ members: [Member], own id: String, at now: MonotonicTime) -> Write? {
        defer { apply(at: now) }
        var members = members
        for index in members.indices {
            members[index].share = members[index].share.clamped(to: 0...Self.mostStored)
            members[index].demand = members[index].demand.clamped(to: 0...total)
        }
        if !members.contains(where: { $0.id == id }) {
            members.append(Member(id: id, share: 0, demand: 0, revision: 0))
        }
        members.sort { $0.id < $1.id }
        instances = members.count
        guard let own = members.firstIndex(where: { $0.id == id }) else { return nil }
        let stored = members[own].share
        revision = members[own].revision
        if unknown != revision { unknown = nil }
        granted = unknown == nil ? stored : min(granted, stored)

        let taken = members.reduce(0) { $0 + $1.share }
        let target = share(of: own, among: members)
        let isOverdrawn = taken > total
        // Small differences are not worth a write, unless there is more granted than there is.
        let isClose = abs(target - stored) <= target / Self.hysteresis
        if target < stored, isOverdrawn || !isClose {
            granted = min(granted, target)
            return .lower(to: target)
        }
        let raised = min(target, stored + max(total - taken, 0))
        if raised > stored, !isClose || stored == 0 { return .raise(to: raised) }
        // Only a write that is known to have happened rules out that an older one still does.
        return unknown == nil ? nil : .raise(to: stored)
    }

    /// The store has done the write.
    public mutating func wrote(_ write: Write, at now: MonotonicTime) {
        unknown = nil
        granted = write.share
        apply(at: now)
    }

    /// Nobody knows whether the store has done the write, or will.
    public mutating func lost(_ write: Write, at now: MonotonicTime) {
        granted = min(granted, write.share)
        unknown = revision
        apply(at: now)
    }

    /// The store has forgotten us, and our share may be another's.
    public mutating func forgotten(at now: MonotonicTime) {
        granted = 0
        unknown = nil
        revision = 0
        if let expires { self.expires = min(expires, now) }
        apply(at: now)
    }

    /// What was granted holds until `expires`.
    public mutating func renewed(until expires: MonotonicTime, at now: MonotonicTime) {
        self.expires = expires
        apply(at: now)
    }

    /// The store does not answer. Only the first time matters, for an instance that it never answered.
    public mutating func away(at now: MonotonicTime) {
        if expires == nil { expires = now - lifetime }
        apply(at: now)
    }

    /// Changes the limit from now on. A smaller one holds for all together when every instance has been told and has
    /// settled its share again.
    public mutating func reconfigure(_ configuration: Configuration, at now: MonotonicTime) {
        self.configuration = configuration
        apply(at: now)
    }

    public func standing(at now: MonotonicTime) -> Standing {
        guard isRunning else { return .stopped }
        guard let expires else { return .starting }
        if now < expires { return .granted }
        return now < expires + lifetime ? .cautious : .alone
    }

    /// What may be used now, in thousandths of a permit.
    public func share(at now: MonotonicTime) -> Int {
        let even = total / max(instances, configuration.expectedInstances)
        switch standing(at: now) {
        case .stopped, .starting: return 0
        case .granted: return min(granted, total)
        case .cautious: return min(granted, even)
        case .alone: return even
        }
    }

    /// When the share changes by itself; nil when it does not.
    func nextChange(after now: MonotonicTime) -> MonotonicTime? {
        switch standing(at: now) {
        case .stopped, .starting, .alone: nil
        case .granted: expires
        case .cautious: expires.map { $0 + lifetime }
        }
    }

    /// A fiftieth.
    private static let hysteresis = 50
    /// More is not believed of what the store has; sums of it do not overflow.
    private static let mostStored = 1_000_000_000 * unit

    private func share(of index: Int, among members: [Member]) -> Int {
        let floor = Int(Double(total / members.count) * configuration.evenShare)
        // A quarter more than was asked for last, so that a growing demand is not held back at every step.
        let demands = members.map { max($0.demand + $0.demand / 4, floor) }
        return Self.divide(total, among: demands)[index]
    }
}

extension QuotaShares.Write {
    public var share: Int {
        switch self {
        case .lower(let share), .raise(let share): share
        }
    }
}
