import ApusEtcdAPI
import ApusPrimitives
import Testing

@testable import ApusControlPlane

@Suite struct AuthTokensTests {
    private let time = Locked(MonotonicTime.zero)

    private func tokens(ttl: Duration = .seconds(300), maximumCount: Int = 10) -> AuthTokens {
        AuthTokens(ttl: ttl, maximumCount: maximumCount) { [time] in time.withLock { $0 } }
    }

    private func pass(_ duration: Duration) {
        time.withLock { $0 = $0 + duration }
    }

    @Test func aTokenIsWhoItWasGivenTo() throws {
        let tokens = tokens()
        var store = try AuthStore.enabled(tokens: tokens)
        try store.give("u")
        let secret = AuthTokens.makeSecret()
        #expect(
            try store.apply(.authenticate(user: "u", digest: AuthTokens.digest(secret)), store.caller("u"))
                == .authenticated(number: 1))
        #expect(try tokens.caller(of: "\(secret).1") == Caller(user: "u", authRevision: store.revision))
        for wrong in [
            "", "x", ".", secret, "\(secret).", "\(secret).2", "\(secret).1.1", ".1", "\(secret)x.1", "\(secret).-1",
        ] {
            expect(.invalidAuthToken) { _ = try tokens.caller(of: wrong) }
        }
        try store.run(.addRole(name: "r"))
        #expect(try tokens.caller(of: "\(secret).1").authRevision == store.revision)
    }

    @Test func aTokenEndsWhenItIsNotUsed() throws {
        let tokens = tokens()
        var store = try AuthStore.enabled(tokens: tokens)
        try store.run(.authenticate(user: "root", digest: AuthTokens.digest("s")))
        for _ in 0..<5 {
            pass(.seconds(299))
            #expect(try tokens.caller(of: "s.1").user == "root")
        }
        pass(.seconds(300))
        expect(.invalidAuthToken) { _ = try tokens.caller(of: "s.1") }
    }

    @Test func tokensEndWithWhatTheyStoodFor() throws {
        for end in [AuthCommand.disable, .deleteUser(name: "u"), .changePassword(name: "u", passwordHash: "i")] {
            let tokens = tokens()
            var store = try AuthStore.enabled(tokens: tokens)
            try store.give("u")
            try store.run(.authenticate(user: "u", digest: AuthTokens.digest("s")))
            try store.run(.authenticate(user: "root", digest: AuthTokens.digest("s")))
            try store.run(end)
            expect(.invalidAuthToken) { _ = try tokens.caller(of: "s.1") }
            if end != .disable { #expect(try tokens.caller(of: "s.2").user == "root") }
        }
    }

    @Test func thereAreNeverTooMany() throws {
        let tokens = tokens(maximumCount: 10)
        var store = try AuthStore.enabled(tokens: tokens)
        for _ in 0..<100 {
            pass(.milliseconds(1))
            try store.run(.authenticate(user: "root", digest: AuthTokens.digest("s")))
            #expect(tokens.count <= 10)
        }
        #expect(try tokens.caller(of: "s.100").user == "root")
        expect(.invalidAuthToken) { _ = try tokens.caller(of: "s.1") }
    }

    @Test func aMemberKnowsWhenItIsBehind() throws {
        let tokens = tokens()
        var store = try AuthStore.enabled(tokens: tokens)
        #expect(tokens.isAhead("s.1"))
        #expect(!tokens.isAhead("nonsense"))
        try store.run(.authenticate(user: "root", digest: AuthTokens.digest("s")))
        #expect(!tokens.isAhead("s.1"))
        #expect(!tokens.isAhead("other.1"))
        #expect(tokens.isAhead("s.2"))
    }

    @Test func aSnapshotFromAnotherMemberEndsTheTokens() throws {
        let tokens = tokens()
        var store = try AuthStore.enabled(tokens: tokens)
        try store.run(.authenticate(user: "root", digest: AuthTokens.digest("s")))
        _ = try AuthStore.decoded(store.encoded, tokens: tokens)
        expect(.invalidAuthToken) { _ = try tokens.caller(of: "s.1") }
        #expect(tokens.isEnabled)
    }
}
