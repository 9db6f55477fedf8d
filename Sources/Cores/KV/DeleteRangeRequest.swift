/// Deletes every key of a range.
public struct DeleteRangeRequest: Hashable, Sendable {
    public var range: KeyRange
    /// Answer with what was deleted.
    public var previous: Bool

    public init(_ range: KeyRange, previous: Bool = false) {
        self.range = range
        self.previous = previous
    }
}

public struct DeleteRangeResponse: Hashable, Sendable {
    public var revision: Revision
    public var deleted: Int
    /// In the order of their keys.
    public var previous: [KeyValue]

    public init(revision: Revision, deleted: Int, previous: [KeyValue] = []) {
        self.revision = revision
        self.deleted = deleted
        self.previous = previous
    }
}
