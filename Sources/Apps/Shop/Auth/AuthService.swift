import ApusCoordination
import ApusPrimitives
import ApusRPC
import ApusResilience
import ApusSQL

/// Sessions: a login begins one, every refresh carries it on, a logout or a stolen refresh token ends it everywhere.
struct AuthService: Sendable {
    static let name = "auth"
    static var migrations: [SQLMigration] { AuthStore.migrations }

    /// The most characters of what may be a refresh token.
    static let maxRefreshTokenLength = 128

    let store: AuthStore
    let signingKeys: SigningKeys
    let clock: WallClock
    private let tunables: Tunables
    private let time: TimeSource
    private let revocationStore: any CoordinationStore
    private let verifyPassword: @Sendable (UserAPI.VerifyRequest) async throws -> String
    private let throttle = Locked(LoginThrottle())

    /// - Parameters:
    ///   - revocations: where ended sessions are made known.
    ///   - verifyPassword: asks the user service; answers the user, or throws its `Problem`.
    init(
        database: any SQLDatabase, revocations: any CoordinationStore, tunables: Tunables = .defaults,
        clock: WallClock = .system, time: TimeSource = .continuous,
        verifyPassword: @escaping @Sendable (UserAPI.VerifyRequest) async throws -> String
    ) {
        store = AuthStore(database: database)
        signingKeys = SigningKeys(store: store, clock: clock) { tunables[AuthTunable.keyRotationSeconds] }
        revocationStore = revocations
        self.tunables = tunables
        self.clock = clock
        self.time = time
        self.verifyPassword = verifyPassword
    }

    /// - Throws: `Problem`: 401 `invalid-credentials`, 429 `too-many-failed-logins`, 503.
    func login(_ request: AuthAPI.LoginRequest) async throws -> AuthAPI.TokenResponse {
        guard let email = EmailAddress(request.email) else { throw Problem.invalidCredentials }
        let limits = AuthTunable.loginLimits(tunables)
        let now = time.now()
        if let pause = throttle.withLock({ $0.begin(email.text, limits: limits, at: now) }) {
            throw Self.tooManyFailures(pause)
        }
        let userID: String
        do {
            userID = try await verifyPassword(.init(email: email.text, password: request.password))
        } catch let problem as Problem where problem.status == 401 {
            throw Problem.invalidCredentials
        } catch {
            throttle.withLock { $0.abandon(email.text, limits: limits) }
            throw error
        }
        throttle.withLock { $0.succeed(email.text) }
        let sessionID = Identifiers.next(at: clock)
        let refreshToken = Secrets.newToken()
        let (moment, lifetimes) = (clock.milliseconds, Lifetimes(tunables))
        try await store.begin(
            sessionID, userID: userID, digest: Secrets.digest(refreshToken), expiry: lifetimes.expiry(from: moment),
            now: moment)
        let session = Session(id: sessionID, userID: userID, accessExpiresAt: moment + lifetimes.accessSeconds * 1000)
        return try await tokens(for: session, refreshToken: refreshToken, lifetimes, at: moment)
    }

    /// - Throws: `Problem` 401 `invalid-refresh-token`.
    func refresh(_ request: AuthAPI.RefreshRequest) async throws -> AuthAPI.TokenResponse {
        guard request.refreshToken.utf8.count <= Self.maxRefreshTokenLength else {
            throw Self.invalidRefreshToken("it is unknown")
        }
        let next = Secrets.newToken()
        let (now, lifetimes) = (clock.milliseconds, Lifetimes(tunables))
        let rotation = try await store.rotate(
            Secrets.digest(request.refreshToken), to: Secrets.digest(next), expiry: lifetimes.expiry(from: now),
            now: now)
        switch rotation {
        case .rotated(let session):
            return try await tokens(for: session, refreshToken: next, lifetimes, at: now)
        case .unknown: throw Self.invalidRefreshToken("it is unknown")
        case .expired: throw Self.invalidRefreshToken("it has expired")
        case .revoked: throw Self.invalidRefreshToken("its session has ended")
        case .reused(let session):
            // The session is ended in the database already; `publishRevocations` goes on if this cannot be made known.
            try? await publish(session)
            throw Self.invalidRefreshToken("it was used before, so its session has been ended")
        }
    }

    /// Ends the caller's session, and that of the refresh token if it is another one of the same user.
    ///
    /// - Throws: `Problem` 503 when the end cannot be made known to all services now. They will be told as soon as it can.
    func logout(_ caller: Caller, refreshToken: String?) async throws {
        var sessions = [caller.sessionID]
        if let refreshToken, refreshToken.utf8.count <= Self.maxRefreshTokenLength {
            let other = try await store.session(ofRefreshToken: Secrets.digest(refreshToken))
            if let other, other.userID == caller.userID, other.id != caller.sessionID { sessions.append(other.id) }
        }
        for id in sessions {
            guard let session = try await store.revoke(sessionID: id, now: clock.milliseconds) else { continue }
            do {
                try await publish(session)
            } catch is CoordinationError {
                throw Problem.unavailable(
                    "The session has ended, but the other services cannot be told at the moment.",
                    policy: "revocation", retryAfter: .seconds(1))
            }
        }
    }

    /// Makes ended sessions known that the services have not been told of.
    func publishRevocations() async throws {
        for session in try await store.unpublishedRevocations(limit: 100) { try await publish(session) }
    }

    private func publish(_ session: Session) async throws {
        // A little longer than the tokens live, for clocks that are apart.
        let seconds = (session.accessExpiresAt - clock.milliseconds) / 1000 + 60
        if seconds > 0 { try await Revocations.publish(sessionID: session.id, seconds: seconds, to: revocationStore) }
        try await store.markPublished(session.id)
    }

    /// Read once for each answer, so that a change in between cannot make its parts disagree.
    private struct Lifetimes {
        let accessSeconds: Int64
        let refreshSeconds: Int64

        init(_ tunables: Tunables) {
            accessSeconds = tunables[AuthTunable.accessTokenSeconds]
            refreshSeconds = tunables[AuthTunable.refreshTokenSeconds]
        }

        func expiry(from now: Int64) -> AuthStore.Expiry {
            AuthStore.Expiry(access: now + accessSeconds * 1000, refresh: now + refreshSeconds * 1000)
        }
    }

    private func tokens(
        for session: Session, refreshToken: String, _ lifetimes: Lifetimes, at now: Int64
    ) async throws -> AuthAPI.TokenResponse {
        let key = try await signingKeys.current()
        let claims = AccessToken.Claims(
            issuer: AccessToken.issuer, audience: AccessToken.audience, subject: session.userID, sessionID: session.id,
            tokenID: Identifiers.next(at: clock), issuedAt: now / 1000, notBefore: now / 1000,
            expiresAt: now / 1000 + lifetimes.accessSeconds)
        return AuthAPI.TokenResponse(
            accessToken: try AccessToken.sign(claims, with: key.privateKey, keyID: key.id), refreshToken: refreshToken,
            tokenType: "Bearer", expiresIn: lifetimes.accessSeconds)
    }

    private static func tooManyFailures(_ pause: Duration) -> Problem {
        Problem(
            "too-many-failed-logins", status: 429, title: "Too Many Failed Logins",
            detail: "Too many logins to this account have failed.", extensions: ["policy": "login-throttle"]
        ).retrying(after: pause)
    }

    private static func invalidRefreshToken(_ reason: String) -> Problem {
        Problem(
            "invalid-refresh-token", status: 401, title: "Invalid Refresh Token",
            detail: "The refresh token is refused: \(reason).", extensions: ["field": "refresh_token"],
            headers: ["WWW-Authenticate": #"Bearer realm="shop", error="invalid_token""#])
    }
}
