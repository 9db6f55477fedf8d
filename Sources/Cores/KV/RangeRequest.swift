/// A read of a range of keys, now or as they were.
public struct RangeRequest: Hashable, Sendable {
    public enum SortOrder: UInt8, Sendable, CaseIterable {
        /// Ascending by key; ascending by the target if that is not the key.
        case none
        case ascend
        case descend
    }

    public enum SortTarget: UInt8, Sendable, CaseIterable {
        case key
        case version
        case create
        case mod
        case value
    }

    public var range: KeyRange
    /// At most so many key-values in the answer; 0 for all. Sorting and the revision filters come first.
    public var limit: Int
    /// Read as of this revision; `.zero` for now.
    public var revision: Revision
    public var sortOrder: SortOrder
    public var sortTarget: SortTarget
    /// Leave the values out of the answer.
    public var keysOnly: Bool
    /// Answer with the count alone.
    public var countOnly: Bool
    /// Bounds on the revisions of what is answered, both inclusive; `.zero` for no bound.
    public var minModRevision: Revision
    public var maxModRevision: Revision
    public var minCreateRevision: Revision
    public var maxCreateRevision: Revision

    public init(
        _ range: KeyRange, limit: Int = 0, revision: Revision = .zero, sortOrder: SortOrder = .none,
        sortTarget: SortTarget = .key, keysOnly: Bool = false, countOnly: Bool = false,
        minModRevision: Revision = .zero, maxModRevision: Revision = .zero,
        minCreateRevision: Revision = .zero, maxCreateRevision: Revision = .zero
    ) {
        self.range = range
        self.limit = limit
        self.revision = revision
        self.sortOrder = sortOrder
        self.sortTarget = sortTarget
        self.keysOnly = keysOnly
        self.countOnly = countOnly
        self.minModRevision = minModRevision
        self.maxModRevision = maxModRevision
        self.minCreateRevision = minCreateRevision
        self.maxCreateRevision = maxCreateRevision
    }
}

public struct RangeResponse: Hashable, Sendable {
    /// The revision of the store, not the one that was read.
    public var revision: Revision
    public var kvs: [KeyValue]
    /// The limit cut something off.
    public var more: Bool
    /// How many keys the range holds, whatever the limit and the filters.
    public var count: Int

    public init(revision: Revision, kvs: [KeyValue], more: Bool, count: Int) {
        self.revision = revision
        self.kvs = kvs
        self.more = more
        self.count = count
    }
}
