import CryptoExtras
import Foundation

/// Derives and checks password hashes on lanes of its own, so that a flood of logins slows down logins only.
struct PasswordHasher: Sendable {
    /// Hashing waits in at most this many lines; beyond that callers are refused.
    static let maxWaitingPerLane = 16

    private let lanes: WorkLanes
    private let cost: @Sendable () -> PasswordHash.Cost

    /// - Parameter cost: the cost of new hashes; read for each, so that the config center can change it.
    init(cost: @escaping @Sendable () -> PasswordHash.Cost) {
        self.cost = cost
        let half = max(1, ProcessInfo.processInfo.activeProcessorCount / 2)
        lanes = WorkLanes("shop.passwords", count: half, maxWaiting: Self.maxWaitingPerLane)
    }

    /// - Throws: `WorkLanes.Overloaded`, `CancellationError`.
    func hash(_ password: String) async throws -> PasswordHash {
        let cost = cost()
        return try await lanes.run {
            let salt = Secrets.randomBytes(PasswordHash.saltLength)
            return PasswordHash(cost: cost, salt: salt, key: try Self.derive(password, salt: salt, cost: cost))
        }
    }

    /// Whether `password` is the one that `hash` was made from. Without a hash it does the same work and answers false,
    /// so that the time taken does not tell whether an account exists.
    ///
    /// - Throws: `WorkLanes.Overloaded`, `CancellationError`.
    func verify(_ password: String, against hash: PasswordHash?) async throws -> Bool {
        let salt = hash?.salt ?? [UInt8](repeating: 0, count: PasswordHash.saltLength)
        let cost = hash?.cost ?? cost()
        return try await lanes.run {
            let key = try Self.derive(password, salt: salt, cost: cost)
            guard let hash else { return false }
            return Secrets.equal(key, hash.key)
        }
    }

    /// Whether a hash should be made anew because the cost has been changed since.
    func isOutdated(_ hash: PasswordHash) -> Bool {
        hash.cost != cost()
    }

    /// The password is normalised to NFKC first: the same characters typed on two keyboards are the same password.
    static func derive(_ password: String, salt: [UInt8], cost: PasswordHash.Cost) throws -> [UInt8] {
        let key = try KDF.Scrypt.deriveKey(
            from: Array(password.precomposedStringWithCompatibilityMapping.utf8), salt: salt,
            outputByteCount: PasswordHash.keyLength, rounds: 1 << cost.log2N, blockSize: cost.r, parallelism: cost.p)
        return key.withUnsafeBytes { Array($0) }
    }
}
