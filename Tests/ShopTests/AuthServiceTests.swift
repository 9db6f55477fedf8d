import ApusCoordination
import ApusKV
import ApusPrimitives
import ApusRPC
import ApusResilience
import ApusSQL
import JWTKit
import Logging
import TestSupport
import Testing

@testable import shop

@Suite struct AuthServiceTests {
    let clock = MovableClock()
    let time = ManualTime()
    let store = EmbeddedStore()

    static let login = AuthAPI.LoginRequest(email: "ada@example.org", password: "correct horse")

    func service(database: SQLiteDatabase? = nil, tunables: Tunables = .defaults) async throws -> AuthService {
        let database = try await database.asyncOr { try await Fixtures.database(AuthService.migrations) }
        return AuthService(
            database: database, revocations: store, tunables: tunables, clock: clock.clock, time: time.source
        ) { request in
            guard request.password == "correct horse" else { throw Problem.invalidCredentials }
            return "user-1"
        }
    }

    func verifier(_ service: AuthService) -> TokenVerifier {
        TokenVerifier(
            keys: PublishedKeys(time: time.source) { try await service.signingKeys.published() },
            revocations: Revocations(store: store, logger: Logger(label: "test")), clock: clock.clock)
    }

    static func problem(_ body: () async throws -> Void) async throws -> Problem {
        try await #require(throws: Problem.self) { try await body() }
    }

    @Test func `a login's tokens are accepted`() async throws {
        let service = try await service()
        let tokens = try await service.login(Self.login)
        #expect(tokens.tokenType == "Bearer")
        #expect(tokens.expiresIn == 900)
        let caller = try await verifier(service).caller(token: tokens.accessToken)
        #expect(caller.userID == "user-1")
    }

    @Test func `another implementation accepts them too`() async throws {
        struct Claims: JWTPayload {
            let sub: SubjectClaim
            let exp: ExpirationClaim
            let aud: AudienceClaim

            func verify(using algorithm: some JWTAlgorithm) async throws {
                try aud.verifyIntendedAudience(includes: "shop")
            }
        }
        let service = try await service()
        let tokens = try await service.login(Self.login)
        let json = String(
            decoding: try JSONCoding.encode(try await service.signingKeys.published()), as: UTF8.self)
        let keys = try await JWTKeyCollection().add(jwksJSON: json)
        let claims = try await keys.verify(tokens.accessToken, as: Claims.self)
        #expect(claims.sub.value == "user-1")
    }

    @Test func `an access token ends`() async throws {
        let service = try await service()
        let token = try await service.login(Self.login).accessToken
        clock.advance(seconds: 899)
        _ = try await verifier(service).caller(token: token)
        clock.advance(seconds: 1)
        let problem = try await Self.problem { _ = try await verifier(service).caller(token: token) }
        #expect(problem.status == 401)
        #expect(problem.detail?.contains("expired") == true)
        #expect(problem.headers["WWW-Authenticate"]?.contains("invalid_token") == true)
    }

    @Test func `a refresh token works once, and using it again ends the session`() async throws {
        let service = try await service()
        let first = try await service.login(Self.login)
        let second = try await service.refresh(.init(refreshToken: first.refreshToken))
        _ = try await verifier(service).caller(token: second.accessToken)
        let reuse = try await Self.problem { _ = try await service.refresh(.init(refreshToken: first.refreshToken)) }
        #expect(reuse.slug == "invalid-refresh-token")
        for token in [first.accessToken, second.accessToken] {
            let refused = try await Self.problem { _ = try await verifier(service).caller(token: token) }
            #expect(refused.detail?.contains("revoked") == true)
        }
        let family = try await Self.problem { _ = try await service.refresh(.init(refreshToken: second.refreshToken)) }
        #expect(family.status == 401)
    }

    @Test func `of two that use one refresh token at once, at most one gets on`() async throws {
        let service = try await service()
        let tokens = try await service.login(Self.login)
        async let one = try? service.refresh(.init(refreshToken: tokens.refreshToken))
        async let two = try? service.refresh(.init(refreshToken: tokens.refreshToken))
        let outcomes = await [one, two]
        #expect(outcomes.count { $0 != nil } == 1)
        // It has been used twice: whoever was first is not believed either.
        for case let winner? in outcomes {
            _ = try await Self.problem { _ = try await service.refresh(.init(refreshToken: winner.refreshToken)) }
        }
    }

    @Test func `a refresh token ends, and lives on when it is used`() async throws {
        let service = try await service()
        let first = try await service.login(Self.login)
        clock.advance(seconds: 29 * 86_400)
        let second = try await service.refresh(.init(refreshToken: first.refreshToken))
        clock.advance(seconds: 30 * 86_400)
        let problem = try await Self.problem { _ = try await service.refresh(.init(refreshToken: second.refreshToken)) }
        #expect(problem.detail?.contains("expired") == true)
        for token in ["", "nonsense", String(repeating: "x", count: 5000)] {
            #expect(try await Self.problem { _ = try await service.refresh(.init(refreshToken: token)) }.status == 401)
        }
    }

    @Test func `a logout ends the session everywhere at once, and no other`() async throws {
        let service = try await service()
        let tokens = try await service.login(Self.login)
        let other = try await service.login(Self.login)
        let verifier = verifier(service)
        let caller = try await verifier.caller(token: tokens.accessToken)
        try await service.logout(caller, refreshToken: nil)
        #expect(try await Self.problem { _ = try await verifier.caller(token: tokens.accessToken) }.status == 401)
        #expect(
            try await Self.problem { _ = try await service.refresh(.init(refreshToken: tokens.refreshToken)) }.status
                == 401)
        _ = try await verifier.caller(token: other.accessToken)
        try await service.logout(caller, refreshToken: other.refreshToken)
        #expect(try await Self.problem { _ = try await verifier.caller(token: other.accessToken) }.status == 401)
    }

    @Test func `a revocation that could not be made known is made known later`() async throws {
        let database = try await Fixtures.database(AuthService.migrations)
        let service = try await service(database: database)
        let token = try await service.login(Self.login).accessToken
        let caller = try await verifier(service).caller(token: token)
        let dead = EmbeddedStore()
        await dead.close()
        let cutOff = AuthService(database: database, revocations: dead, clock: clock.clock, time: time.source) { _ in ""
        }
        let problem = try await Self.problem { try await cutOff.logout(caller, refreshToken: nil) }
        #expect(problem.status == 503)
        _ = try await verifier(service).caller(token: token)
        try await service.publishRevocations()
        #expect(try await Self.problem { _ = try await verifier(service).caller(token: token) }.status == 401)
        #expect(try await service.store.unpublishedRevocations(limit: 10).isEmpty)
        try await service.store.forgetPublications(now: clock.milliseconds)
        #expect(try await service.store.unpublishedRevocations(limit: 10).count == 1)
    }

    @Test func `guessing is slowed down, and a right password is still let in after the pause`() async throws {
        let service = try await service()
        let wrong = AuthAPI.LoginRequest(email: "ada@example.org", password: "wrong horse")
        for _ in 0..<5 { #expect(try await Self.problem { _ = try await service.login(wrong) }.status == 401) }
        let blocked = try await Self.problem { _ = try await service.login(Self.login) }
        #expect(blocked.status == 429)
        #expect(blocked.retryAfter == .seconds(1))
        time.advance(by: .seconds(1))
        _ = try await service.login(Self.login)
        _ = try await Self.problem { _ = try await service.login(wrong) }
        _ = try await service.login(Self.login)
    }

    @Test func `a user has a bounded number of sessions`() async throws {
        let service = try await service()
        let first = try await service.login(Self.login)
        for _ in 0..<AuthStore.maxSessions {
            clock.advance(seconds: 1)
            _ = try await service.login(Self.login)
        }
        #expect(
            try await Self.problem { _ = try await service.refresh(.init(refreshToken: first.refreshToken)) }.status
                == 401)
        #expect(try await service.store.unpublishedRevocations(limit: 10).count == 1)
    }

    @Test func `expired sessions are deleted`() async throws {
        let service = try await service()
        let tokens = try await service.login(Self.login)
        clock.advance(seconds: 31 * 86_400)
        try await service.purge()
        #expect(
            try await Self.problem { _ = try await service.refresh(.init(refreshToken: tokens.refreshToken)) }.detail?
                .contains("unknown") == true)
    }

    @Test func `a refresh remembers a bounded number of used tokens`() async throws {
        let service = try await service()
        var tokens = try await service.login(Self.login)
        for _ in 0..<AuthStore.maxUsedTokens + 20 {
            tokens = try await service.refresh(.init(refreshToken: tokens.refreshToken))
        }
        let count: Int64? = try await service.store.database.read { connection in
            try connection.queryValue("SELECT COUNT(*) FROM refresh_tokens")
        }
        #expect(count == Int64(AuthStore.maxUsedTokens + 1))
    }
}

@Suite struct SigningKeysTests {
    let clock = MovableClock()

    @Test func `instances share keys, rotate them once, and publish the old one until its tokens are gone`()
        async throws
    {
        let store = AuthStore(database: try await Fixtures.database(AuthService.migrations))
        let instances = (0..<2).map { _ in
            SigningKeys(store: store, clock: clock.clock) { 86_400 }
        }
        let first = try await instances[0].current().id
        #expect(try await instances[1].current().id == first)
        clock.advance(seconds: 86_400)
        for instance in instances { try await instance.maintain() }
        #expect(try await instances[0].published().keys.count == 2)
        // Published for a while before it signs.
        #expect(try await instances[1].current().id == first)
        clock.advance(seconds: SigningKeys.activationSeconds)
        let second = try await instances[1].current().id
        #expect(second != first)
        #expect(try await instances[0].current().id == second)
        clock.advance(seconds: AuthTunable.accessTokenSeconds.range.upperBound)
        try await instances[0].maintain()
        #expect(try await instances[0].published().keys.count == 2)
        clock.advance(seconds: 60)
        try await instances[0].maintain()
        #expect(try await instances[0].published().keys.map(\.keyID) == [second])
        #expect(try await instances[1].published().keys.map(\.keyID) == [second])
    }
}

@Suite struct LoginThrottleTests {
    @Test func `the pause doubles up to its limit and is forgotten after a while`() {
        var throttle = LoginThrottle()
        let limits = LoginThrottle.Limits()
        var now = MonotonicTime.zero + .seconds(5)
        for _ in 0..<5 { #expect(throttle.begin("a", limits: limits, at: now) == nil) }
        for pause in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            #expect(throttle.begin("a", limits: limits, at: now) == .seconds(pause))
            now = now + .seconds(pause)
            #expect(throttle.begin("a", limits: limits, at: now) == nil)
        }
        #expect(throttle.begin("b", limits: limits, at: now) == nil)
        now = now + .seconds(900)
        for _ in 0..<5 { #expect(throttle.begin("a", limits: limits, at: now) == nil) }
        #expect(throttle.begin("a", limits: limits, at: now) != nil)
    }

    @Test func `many attempts at once get no more guesses than in turn`() {
        var throttle = LoginThrottle()
        let begun = (0..<100).count { _ in throttle.begin("a", limits: .init(), at: .zero + .seconds(1)) == nil }
        #expect(begun == 5)
    }

    @Test func `an attempt that was not decided counts for nothing`() {
        var throttle = LoginThrottle()
        let now = MonotonicTime.zero + .seconds(1)
        for _ in 0..<50 {
            #expect(throttle.begin("a", limits: .init(), at: now) == nil)
            throttle.abandon("a", limits: .init())
        }
        #expect(throttle.accountCount == 0)
    }

    @Test func `memory is bounded; whoever failed last is remembered`() {
        var throttle = LoginThrottle()
        let now = MonotonicTime.zero + .seconds(1)
        for account in 0..<LoginThrottle.maxAccounts * 3 {
            _ = throttle.begin("account \(account)", limits: .init(), at: now)
            _ = throttle.begin("kept", limits: .init(), at: now + .seconds(account))
        }
        #expect(throttle.accountCount == LoginThrottle.maxAccounts)
        #expect(throttle.begin("kept", limits: .init(), at: now) != nil)
    }
}

extension Optional where Wrapped: Sendable {
    fileprivate func asyncOr(_ other: () async throws -> Wrapped) async throws -> Wrapped {
        if let self { return self }
        return try await other()
    }
}
