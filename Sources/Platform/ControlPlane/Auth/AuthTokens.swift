import ApusEtcdAPI
import ApusPrimitives
import Crypto
import Foundation

/// The tokens of those who logged in, at one member: asked for every request, on any thread.
///
/// As in etcd ("simple" tokens), each member learns of every log-in through the log, so that a token works everywhere, and each
/// lets it end by itself when it was not used there for a while; all end when the member starts again. A token is
/// "secret.number", and only a digest of the secret is ever kept or written.
final class AuthTokens: Sendable {
    /// A token that a member has not seen for so long is refused there.
    static let defaultTTL = Duration.seconds(300)
    /// At most so many at a time; beyond, those that would end first do.
    static let maximumCount = 100_000
    private static let secretLength = 16

    fileprivate struct Token {
        let user: String
        let digest: Bytes
        var end: MonotonicTime
    }

    fileprivate struct State {
        var isEnabled = false
        var revision: UInt64 = 1
        var logins: UInt64 = 0
        var tokens: [UInt64: Token] = [:]
        var lastSweep = MonotonicTime.zero
    }

    private let ttl: Duration
    private let maximum: Int
    private let now: @Sendable () -> MonotonicTime
    private let state = Locked(State())

    init(
        ttl: Duration = AuthTokens.defaultTTL, maximumCount: Int = AuthTokens.maximumCount,
        now: @escaping @Sendable () -> MonotonicTime = AuthTokens.systemTime
    ) {
        self.ttl = ttl
        self.maximum = max(1, maximumCount)
        self.now = now
    }

    var isEnabled: Bool { state.withLock { $0.isEnabled } }
    var revision: UInt64 { state.withLock { $0.revision } }

    /// Whose token it is. Using it starts its time anew.
    /// - Throws: `.invalidAuthToken`, also while auth is off: as etcd does.
    func caller(of token: String) throws(EtcdError) -> Caller {
        guard let (secret, number) = Self.split(token) else { throw .invalidAuthToken }
        let digest = Self.digest(secret)
        let now = now()
        let caller: Caller? = state.withLock { state in
            guard let found = state.tokens[number], found.digest == digest else { return nil }
            guard now < found.end else {
                state.tokens[number] = nil
                return nil
            }
            state.tokens[number]?.end = now + ttl
            return Caller(user: found.user, authRevision: state.revision)
        }
        guard let caller else { throw .invalidAuthToken }
        return caller
    }

    /// Of a user whom the connection has proved.
    func caller(named user: String) -> Caller {
        Caller(user: user, authRevision: revision)
    }

    /// Whether this member may not yet have learnt of the log-in that gave the token: then a linearizable read tells.
    func isAhead(_ token: String) -> Bool {
        guard let (_, number) = Self.split(token) else { return false }
        return state.withLock { number > $0.logins }
    }

    // MARK: - From the state machine

    func publish(isEnabled: Bool, revision: UInt64, logins: UInt64) {
        state.withLock { state in
            state.isEnabled = isEnabled
            state.revision = revision
            state.logins = logins
        }
    }

    func assign(_ digest: Bytes, number: UInt64, to user: String) {
        let now = now()
        state.withLock { state in
            state.tokens[number] = Token(user: user, digest: digest, end: now + ttl)
            state.logins = max(state.logins, number)
            if state.tokens.count > maximum || now > state.lastSweep + ttl / 4 { state.sweep(now, keeping: maximum) }
        }
    }

    func invalidate(user: String) {
        state.withLock { $0.tokens = $0.tokens.filter { $0.value.user != user } }
    }

    func removeAll() {
        state.withLock { $0.tokens = [:] }
    }

    var count: Int { state.withLock { $0.tokens.count } }

    // MARK: - The form of a token

    /// Sixteen letters that nobody can guess.
    static func makeSecret() -> String {
        let letters = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)
        var random = SystemRandomNumberGenerator()
        let secret = (0..<secretLength).map { _ in letters[Int.random(in: 0..<letters.count, using: &random)] }
        return String(decoding: secret, as: UTF8.self)
    }

    static func digest(_ secret: some StringProtocol) -> Bytes {
        Bytes(SHA256.hash(data: Data(secret.utf8)))
    }

    private static func split(_ token: String) -> (secret: Substring, number: UInt64)? {
        guard token.utf8.count <= 256 else { return nil }
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let number = UInt64(parts[1]) else { return nil }
        return (parts[0], number)
    }

    static let systemTime: @Sendable () -> MonotonicTime = {
        MonotonicTime(nanoseconds: Int64(clamping: DispatchTime.now().uptimeNanoseconds))
    }
}

extension AuthTokens.State {
    /// Drops what has ended and, when that is not enough, what would end first.
    fileprivate mutating func sweep(_ now: MonotonicTime, keeping maximum: Int) {
        lastSweep = now
        tokens = tokens.filter { now < $0.value.end }
        guard tokens.count > maximum else { return }
        let order = tokens.sorted { ($0.value.end, $0.key) < ($1.value.end, $1.key) }
        for (number, _) in order.prefix(tokens.count - maximum + maximum / 8) { tokens[number] = nil }
    }
}
