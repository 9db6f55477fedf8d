import ApusKV
import ApusPrimitives
import ApusResilience

/// Makes commands take effect: at once in memory, or through the log.
protocol Committer: Sendable {
    func commit(_ command: Command) async throws -> CommandResponse
    /// - Returns: the time to live in seconds.
    func keepAlive(_ lease: LeaseID) async throws -> Int64
    /// Revokes those of the leases that ran out and were not kept alive or revoked meanwhile.
    func expire(_ leases: [LeaseID]) async throws
    func close() async
    /// Why nothing can be written any more.
    var failure: CoordinationError? { get }
}

struct MemoryCommitter: Committer {
    let visible: VisibleState
    let time: TimeSource

    var failure: CoordinationError? { nil }

    func commit(_ command: Command) async throws -> CommandResponse {
        let now = time.now()
        return try update { try $0.apply(command, at: now) }
    }

    func keepAlive(_ lease: LeaseID) async throws -> Int64 {
        let now = time.now()
        return try update { try $0.keepAlive(lease, at: now) }
    }

    func expire(_ leases: [LeaseID]) async throws {
        let now = time.now()
        try update { store in
            for lease in leases where store.lease(lease)?.hasExpired(at: now) == true { _ = try store.revoke(lease) }
        }
    }

    func close() async {
        visible.close()
    }

    private func update<Result>(_ body: (inout KVStore) throws -> Result) throws -> Result {
        do {
            return try visible.update(body)
        } catch let error as KVError {
            throw CoordinationError(error)
        }
    }
}
