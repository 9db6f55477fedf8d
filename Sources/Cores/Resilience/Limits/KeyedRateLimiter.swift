public import ApusPrimitives

/// A rate limit for each key (a user, an address, a tenant), in bounded memory.
///
/// A key that has all its permits is forgotten when its place is needed: nothing is lost by that. When `maxKeys` keys are
/// in use, the calls of all further ones share one limiter until a place is free: no key ever gets more than its limit, and
/// somebody who invents keys gets no more than one by it. A pure value, as `RateLimiter`; use `.gcra` for many keys.
public struct KeyedRateLimiter<Key: Hashable & Sendable>: Sendable {
    public private(set) var configuration: KeyedRateLimit

    @usableFromInline var table: LimiterTable
    @usableFromInline var slots: [Key: Int] = [:]
    /// The key of each slot.
    @usableFromInline var keys: [Key] = []
    @usableFromInline var maxKeys: Int

    public init(_ name: String = "rate limiter", configuration: KeyedRateLimit) {
        self.configuration = configuration
        table = LimiterTable(name: name, configuration.limit)
        maxKeys = configuration.maxKeys
    }

    /// Names the limiter in its errors.
    public var name: String { table.name }

    /// How many keys are known now; at most `maxKeys`.
    public var keyCount: Int { keys.count }

    /// How many calls had to share one limiter, because too many keys were in use.
    public var sharedCalls: UInt64 { table.sharedCalls }

    /// Takes `permits` of the key's, now or in advance: as `RateLimiter.acquire`.
    @inlinable
    public mutating func acquire(
        _ permits: Int = 1, for key: Key, at now: MonotonicTime, until deadline: Deadline? = nil
    ) throws(ResilienceError) -> Duration {
        try table.acquire(permits, slot: slots[key] ?? newSlot(for: key, at: now), at: now, until: deadline)
    }

    /// Gives back what was taken in advance and will not be used: as `RateLimiter.giveBack`.
    @inlinable
    public mutating func giveBack(_ permits: Int = 1, for key: Key, due: MonotonicTime, at now: MonotonicTime) {
        table.giveBack(permits, slot: slots[key], due: due, at: now)
    }

    /// How many permits the key could take at once now, as far as it is known; a key that is not has all.
    @inlinable
    public func available(for key: Key, at now: MonotonicTime) -> Int {
        table.available(slot: slots[key], at: now)
    }

    /// Changes the settings from now on; every key keeps what it has, as in `RateLimiter.reconfigure`. With a smaller
    /// `maxKeys` those that were not used for the longest time are forgotten. Takes time in proportion to the known keys.
    public mutating func reconfigure(_ configuration: KeyedRateLimit, at now: MonotonicTime) {
        table.reconfigure(configuration.limit, at: now)
        self.configuration = configuration
        maxKeys = configuration.maxKeys
        guard keys.count > maxKeys else { return }
        keys = table.shrink(to: maxKeys).map { keys[$0] }
        slots = [:]
        for (slot, key) in keys.enumerated() { slots[key] = slot }
    }

    @inlinable
    mutating func newSlot(for key: Key, at now: MonotonicTime) -> Int? {
        if keys.count < maxKeys {
            keys.append(key)
            slots[key] = table.append()
            return keys.count - 1
        }
        guard let slot = table.reuse(at: now) else { return nil }
        slots[keys[slot]] = nil
        keys[slot] = key
        slots[key] = slot
        return slot
    }
}

/// The settings of a `KeyedRateLimiter`. A value out of range is moved to the nearest in range.
public struct KeyedRateLimit: Hashable, Sendable, Codable {
    /// The limit of each key.
    public let limit: RateLimiter.Configuration
    /// How many keys are kept apart: 1 to 10,000,000.
    public let maxKeys: Int

    public init(_ limit: RateLimiter.Configuration, maxKeys: Int = 10_000) {
        self.limit = limit
        self.maxKeys = maxKeys.clamped(to: Self.keyRange)
    }

    private static let keyRange = 1...10_000_000

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case limit, maxKeys
    }

    /// `limit` must be there.
    public init(from decoder: any Decoder) throws {
        let fields = try StrictFields<CodingKeys>(decoder)
        let container = try decoder.container(keyedBy: CodingKeys.self)
        guard fields.has(.limit) else { throw DecodingError.missing(CodingKeys.limit, in: decoder) }
        self.init(
            try container.decode(RateLimiter.Configuration.self, forKey: .limit),
            maxKeys: try fields.integer(.maxKeys, in: Self.keyRange, default: 10_000))
    }
}

extension DecodingError {
    static func missing(_ key: any CodingKey, in decoder: any Decoder) -> DecodingError {
        let path = decoder.codingPath + [key]
        let name = path.map(\.stringValue).joined(separator: ".")
        return .dataCorrupted(
            DecodingError.Context(codingPath: path, debugDescription: "\(name): missing; it has no default"))
    }
}
