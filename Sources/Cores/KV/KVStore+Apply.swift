public import ApusPrimitives

extension KVStore {
    /// Applies what a log recorded.
    /// - Parameter now: when a granted lease begins.
    /// - Throws: what the operation throws; that, too, is the same for everyone who applies the same log.
    @discardableResult
    public mutating func apply(_ command: Command, at now: MonotonicTime) throws(KVError) -> CommandResponse {
        switch command {
        case .put(let request): return .put(try put(request))
        case .delete(let request): return .delete(try delete(request))
        case .txn(let request): return .txn(try txn(request))
        case .compact(let revision):
            try compact(at: revision)
            return .compact(revision)
        case .grant(let id, let ttlSeconds): return .grant(try grant(id, ttlSeconds: ttlSeconds, at: now))
        case .revoke(let id): return .revoke(try revoke(id))
        }
    }
}
