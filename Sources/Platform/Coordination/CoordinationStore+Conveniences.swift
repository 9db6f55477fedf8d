public import ApusKV
public import ApusPrimitives

extension CoordinationStore {
    /// The value of one key, or nil.
    public func get(_ key: Bytes) async throws -> KeyValue? {
        try await range(RangeRequest(.key(key))).kvs.first
    }

    /// All keys that begin with `prefix`, in the order of the keys, and the revision they were read at.
    public func list(prefix: Bytes) async throws -> RangeResponse {
        try await range(RangeRequest(.prefix(prefix)))
    }

    /// - Returns: the revision of the write.
    @discardableResult
    public func put(_ key: Bytes, _ value: Bytes, lease: LeaseID = .none) async throws -> Revision {
        try await put(PutRequest(key: key, value: value, lease: lease)).revision
    }

    /// - Returns: whether the key was there.
    @discardableResult
    public func delete(_ key: Bytes) async throws -> Bool {
        try await delete(DeleteRangeRequest(.key(key))).deleted > 0
    }

    /// Writes the key when it is not there.
    ///
    /// - Returns: the revision of the write, or nil when the key was there and is left as it is.
    public func putIfAbsent(_ key: Bytes, _ value: Bytes, lease: LeaseID = .none) async throws -> Revision? {
        try await put(key, value, lease: lease, when: .absent(key))
    }

    /// Writes the key when its last change was at `revision` (`.zero`: when it is not there).
    ///
    /// - Returns: the revision of the write, or nil when the key has changed since and is left as it is.
    public func compareAndSwap(
        _ key: Bytes, _ value: Bytes, since revision: Revision, lease: LeaseID = .none
    ) async throws -> Revision? {
        try await put(key, value, lease: lease, when: .unchanged(key, since: revision))
    }

    /// The changes of a range from a revision on (included); nil is from now on. See `watch(_:)`.
    public func watch(_ range: KeyRange, from revision: Revision? = nil) async throws -> CoordinationWatch {
        try await watch(WatchRequest(range, start: revision ?? .zero))
    }

    private func put(
        _ key: Bytes, _ value: Bytes, lease: LeaseID, when condition: Compare
    ) async throws -> Revision? {
        let write = Operation.put(PutRequest(key: key, value: value, lease: lease))
        let response = try await txn(TxnRequest(compares: [condition], success: [write], failure: []))
        return response.succeeded ? response.revision : nil
    }
}
