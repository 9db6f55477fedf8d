import ApusPrimitives
import Crypto

/// The keys that access tokens are signed with, shared by all instances through the database.
///
/// A new key is published some time before it signs, so that whoever checks tokens knows it by then, and an old one
/// stays published until the last token it signed has expired.
struct SigningKeys: Sendable {
    /// A key signs once it has been published for this long (unless there is no other).
    static let activationSeconds: Int64 = 10
    /// How long the keys are used from memory before they are read again.
    static let cacheMilliseconds: Int64 = 1000
    /// The shortest time between two keys; it keeps the published set far below `JSONWebKeySet.maxKeys`.
    static let minRotationSeconds: Int64 = 600

    /// A key that may sign or has signed.
    struct Key: Sendable {
        let id: String
        let privateKey: P256.Signing.PrivateKey
    }

    private struct Cache {
        var keys: [AuthStore.StoredKey] = []
        var readAt: Int64 = .min
    }

    private let store: AuthStore
    private let clock: WallClock
    /// Seconds after which a new key is made.
    private let rotationSeconds: @Sendable () -> Int64
    private let cache = Locked(Cache())

    init(store: AuthStore, clock: WallClock, rotationSeconds: @escaping @Sendable () -> Int64) {
        self.store = store
        self.clock = clock
        self.rotationSeconds = rotationSeconds
    }

    /// The key to sign with now; the first call of all makes it.
    func current() async throws -> Key {
        let now = clock.milliseconds
        let keys = try await keys(at: now)
        let active = keys.first { $0.createdAt <= now - Self.activationSeconds * 1000 } ?? keys[keys.count - 1]
        return Key(id: active.id, privateKey: try P256.Signing.PrivateKey(rawRepresentation: active.privateKey))
    }

    /// What `/.well-known/jwks.json` answers.
    func published() async throws -> JSONWebKeySet {
        let keys = try await keys(at: clock.milliseconds)
        return JSONWebKeySet(
            keys: try keys.prefix(JSONWebKeySet.maxKeys).map { key in
                let privateKey = try P256.Signing.PrivateKey(rawRepresentation: key.privateKey)
                return JSONWebKeySet.Key(privateKey.publicKey, keyID: key.id)
            })
    }

    /// Makes a new key when the newest is old enough, and deletes those that nobody needs any more.
    func maintain() async throws {
        let now = clock.milliseconds
        let keys = try await store.signingKeys()
        if keys.isEmpty || keys[0].createdAt <= oldestNewest(at: now) {
            _ = try await rotate(at: now)
        } else {
            let retired = Self.retired(keys, now: now)
            if !retired.isEmpty { try await store.deleteSigningKeys(retired) }
        }
        cache.withLock { $0.readAt = .min }
    }

    /// Newest first, never empty.
    private func keys(at now: Int64) async throws -> [AuthStore.StoredKey] {
        let cached = cache.withLock { cache in
            // A clock that was set back ends the cache too.
            (0..<Self.cacheMilliseconds).contains(now &- cache.readAt) ? cache.keys : []
        }
        if !cached.isEmpty { return cached }
        var keys = try await store.signingKeys()
        if keys.isEmpty { keys = try await rotate(at: now) }
        cache.withLock { $0 = Cache(keys: keys, readAt: now) }
        return keys
    }

    private func rotate(at now: Int64) async throws -> [AuthStore.StoredKey] {
        let key = AuthStore.StoredKey(
            id: Identifiers.next(at: clock), privateKey: Array(P256.Signing.PrivateKey().rawRepresentation),
            createdAt: now)
        return try await store.rotate(to: key, unlessYoungerThan: oldestNewest(at: now)) {
            Self.retired($0, now: now)
        }
    }

    /// The newest key must have been made after this moment.
    private func oldestNewest(at now: Int64) -> Int64 {
        now - max(Self.minRotationSeconds, rotationSeconds()) * 1000
    }

    /// Keys that a successor has replaced for so long that every token of theirs has expired.
    static func retired(_ keys: [AuthStore.StoredKey], now: Int64) -> [String] {
        let margin = activationSeconds + AuthTunable.accessTokenSeconds.range.upperBound + 60
        return zip(keys.dropFirst(), keys).filter { _, successor in
            successor.createdAt + margin * 1000 <= now
        }.map { $0.0.id }
    }
}
