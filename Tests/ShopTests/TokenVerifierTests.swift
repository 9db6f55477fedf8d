import ApusCoordination
import ApusKV
import ApusPrimitives
import ApusRPC
import ApusResilience
import Crypto
import Foundation
import Logging
import TestSupport
import Testing

@testable import shop

@Suite struct TokenVerifierTests {
    let clock = MovableClock()
    let key = P256.Signing.PrivateKey()
    let store = EmbeddedStore()

    func verifier(store: (any CoordinationStore)? = nil) -> TokenVerifier {
        let set = JSONWebKeySet(keys: [JSONWebKeySet.Key(key.publicKey, keyID: "k1")])
        return TokenVerifier(
            keys: PublishedKeys { set },
            revocations: Revocations(store: store ?? self.store, logger: Logger(label: "test")), clock: clock.clock)
    }

    func claims(
        issuer: String = "apus-shop", audience: String = "shop", subject: String = "user-1", lifetime: Int64 = 900,
        notBefore: Int64 = 0
    ) -> AccessToken.Claims {
        let now = clock.milliseconds / 1000
        return AccessToken.Claims(
            issuer: issuer, audience: audience, subject: subject, sessionID: "s1", tokenID: "t1", issuedAt: now,
            notBefore: now + notBefore, expiresAt: now + lifetime)
    }

    /// A token with any header at all, rightly signed over it.
    func token(header: String, payload: String) throws -> String {
        let content = Base64URL.encode(Array(header.utf8)) + "." + Base64URL.encode(Array(payload.utf8))
        let signature = try key.signature(for: Array(content.utf8))
        return content + "." + Base64URL.encode(Array(signature.rawRepresentation))
    }

    func payload() throws -> String {
        String(decoding: try JSONCoding.encode(claims()), as: UTF8.self)
    }

    func refusal(_ token: String) async throws -> Problem {
        let problem = try await #require(throws: Problem.self) { try await verifier().caller(token: token) }
        #expect(problem.status == 401)
        #expect(problem.slug == "invalid-token")
        #expect(problem.headers["WWW-Authenticate"]?.contains(#"error="invalid_token""#) == true)
        return problem
    }

    @Test func `accepts its own`() async throws {
        let token = try AccessToken.sign(claims(), with: key, keyID: "k1")
        #expect(token.utf8.count < AccessToken.maxLength)
        let caller = try await verifier().caller(authorization: ["Bearer \(token)"])
        #expect(caller == Caller(userID: "user-1", sessionID: "s1"))
        #expect(try await verifier().caller(authorization: ["bearer  \(token)"]) == caller)
    }

    @Test(arguments: [[], ["Basic abc"], ["Bearer"], [""], ["token"]])
    func `no token is said so`(authorization: [String]) async throws {
        let problem = try await #require(throws: Problem.self) {
            try await verifier().caller(authorization: authorization)
        }
        #expect(problem.slug == "token-missing")
        #expect(problem.headers["WWW-Authenticate"] == #"Bearer realm="shop""#)
    }

    @Test func `two tokens are one too many`() async throws {
        let token = try AccessToken.sign(claims(), with: key, keyID: "k1")
        await #expect(throws: Problem.self) {
            try await verifier().caller(authorization: ["Bearer \(token)", "Bearer \(token)"])
        }
    }

    @Test func `alg none`() async throws {
        let payload = try payload()
        for algorithm in ["none", "None", "HS256", "ES384", "RS256", ""] {
            let header = #"{"alg":"\#(algorithm)","kid":"k1","typ":"at+jwt"}"#
            #expect(try await refusal(token(header: header, payload: payload)).detail?.contains("ES256") == true)
            let unsigned = Base64URL.encode(Array(header.utf8)) + "." + Base64URL.encode(Array(payload.utf8)) + "."
            _ = try await refusal(unsigned)
        }
    }

    @Test func `an HMAC with the public key as secret`() async throws {
        let header = #"{"alg":"HS256","kid":"k1","typ":"at+jwt"}"#
        let content = Base64URL.encode(Array(header.utf8)) + "." + Base64URL.encode(Array(try payload().utf8))
        let secret = SymmetricKey(data: key.publicKey.x963Representation)
        let code = HMAC<SHA256>.authenticationCode(for: Array(content.utf8), using: secret)
        _ = try await refusal(content + "." + Base64URL.encode(Array(code)))
    }

    @Test func `another key, or a key that is not published`() async throws {
        let forger = P256.Signing.PrivateKey()
        let forged = try AccessToken.sign(claims(), with: forger, keyID: "k1")
        #expect(try await refusal(forged).detail?.contains("signature") == true)
        let unknown = try AccessToken.sign(claims(), with: key, keyID: "k2")
        #expect(try await refusal(unknown).detail?.contains("not published") == true)
        let payload = try payload()
        _ = try await refusal(token(header: #"{"alg":"ES256","typ":"at+jwt"}"#, payload: payload))
        _ = try await refusal(token(header: #"{"alg":"ES256","kid":"../k1","typ":"at+jwt"}"#, payload: payload))
    }

    @Test func `another type, or extensions that must be understood`() async throws {
        let payload = try payload()
        _ = try await refusal(token(header: #"{"alg":"ES256","kid":"k1"}"#, payload: payload))
        _ = try await refusal(token(header: #"{"alg":"ES256","kid":"k1","typ":"JWT"}"#, payload: payload))
        let critical = #"{"alg":"ES256","kid":"k1","typ":"at+jwt","crit":["b64"],"b64":false}"#
        _ = try await refusal(token(header: critical, payload: payload))
    }

    @Test func `claims`() async throws {
        for (claims, word) in [
            (claims(issuer: "other"), "issued by"), (claims(audience: "other"), "meant for"),
            (claims(lifetime: 0), "expired"), (claims(lifetime: -5), "expired"),
            (claims(notBefore: 60), "not valid yet"),
            (claims(subject: "a/../b"), "not a JSON Web Token"),
        ] {
            let token = try AccessToken.sign(claims, with: key, keyID: "k1")
            #expect(try await refusal(token).detail?.contains(word) == true)
        }
        _ = try await refusal(token(header: #"{"alg":"ES256","kid":"k1","typ":"at+jwt"}"#, payload: "{}"))
        _ = try await refusal(token(header: #"{"alg":"ES256","kid":"k1","typ":"at+jwt"}"#, payload: "[]"))
    }

    @Test func `every changed character is noticed`() async throws {
        let token = try AccessToken.sign(claims(), with: key, keyID: "k1")
        var random = SeededRandom(seed: 1)
        for _ in 0..<200 {
            var bytes = Array(token.utf8)
            let index = Int.random(in: 0..<bytes.count, using: &random)
            let replacement = UInt8.random(in: 33...126, using: &random)
            if bytes[index] == replacement { continue }
            bytes[index] = replacement
            _ = try await refusal(String(decoding: bytes, as: UTF8.self))
        }
        _ = try await refusal(token + "=")
        _ = try await refusal(token + ".x")
        _ = try await refusal(String(repeating: "a", count: 10_000))
    }

    @Test func `a revoked session is refused at once`() async throws {
        let token = try AccessToken.sign(claims(), with: key, keyID: "k1")
        let verifier = verifier()
        _ = try await verifier.caller(token: token)
        try await Revocations.publish(sessionID: "s1", seconds: 60, to: store)
        #expect(try await refusal(token).detail?.contains("revoked") == true)
    }

    @Test func `without a store the last known set decides, and without that nobody is let in`() async throws {
        let token = try AccessToken.sign(claims(), with: key, keyID: "k1")
        let never = EmbeddedStore()
        await never.close()
        let blind = try await #require(throws: Problem.self) {
            try await self.verifier(store: never).caller(token: token)
        }
        #expect(blind.status == 503)

        let revocations = Revocations(store: store, logger: Logger(label: "test"))
        let set = JSONWebKeySet(keys: [JSONWebKeySet.Key(key.publicKey, keyID: "k1")])
        let verifier = TokenVerifier(keys: PublishedKeys { set }, revocations: revocations, clock: clock.clock)
        let follower = Task { try await revocations.run() }
        try await Revocations.publish(sessionID: "other", seconds: 60, to: store)
        try await eventually { revocations.remembers("other") }
        try await Revocations.publish(sessionID: "s2", seconds: 60, to: store)
        try await eventually { revocations.remembers("s2") }
        await store.close()
        _ = try await verifier.caller(token: token)
        #expect(try await revocations.contains(sessionID: "s2"))
        follower.cancel()
        try await follower.value
    }
}

@Suite struct PublishedKeysTests {
    let time = ManualTime()
    let key = P256.Signing.PrivateKey()

    final class Publisher: Sendable {
        let state = Locked((ids: ["k1"], calls: 0, isAway: false))
        let key: P256.Signing.PublicKey

        init(key: P256.Signing.PublicKey) { self.key = key }

        func ask() throws -> JSONWebKeySet {
            let (ids, isAway) = state.withLock { state in
                state.calls += 1
                return (state.ids, state.isAway)
            }
            if isAway { throw Problem.unavailable("away") }
            return JSONWebKeySet(keys: ids.map { JSONWebKeySet.Key(key, keyID: $0) })
        }

        var calls: Int { state.withLock { $0.calls } }
    }

    @Test func `asks once for many, and made-up identifiers cost little`() async throws {
        let publisher = Publisher(key: key.publicKey)
        let keys = PublishedKeys(time: time.source) { try publisher.ask() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<50 { group.addTask { _ = try #require(try await keys.key("k1")) } }
            try await group.waitForAll()
        }
        #expect(publisher.calls == 1)
        for index in 0..<100 { #expect(try await keys.key("made-up-\(index)") == nil) }
        #expect(publisher.calls == 1)
        time.advance(by: .seconds(5))
        #expect(try await keys.key("made-up") == nil)
        #expect(publisher.calls == 2)
    }

    @Test func `a new key is found, a withdrawn one forgotten`() async throws {
        let publisher = Publisher(key: key.publicKey)
        let keys = PublishedKeys(time: time.source) { try publisher.ask() }
        #expect(try await keys.key("k1") != nil)
        publisher.state.withLock { $0.ids = ["k2"] }
        #expect(try await keys.key("k2") == nil)
        time.advance(by: .seconds(5))
        #expect(try await keys.key("k2") != nil)
        #expect(try await keys.key("k1") == nil)
    }

    @Test func `goes on with the last good keys, and says when there never were any`() async throws {
        let publisher = Publisher(key: key.publicKey)
        let keys = PublishedKeys(time: time.source) { try publisher.ask() }
        publisher.state.withLock { $0.isAway = true }
        await #expect(throws: PublishedKeys.Unavailable.self) { try await keys.key("k1") }
        publisher.state.withLock { $0.isAway = false }
        time.advance(by: .milliseconds(200))
        #expect(try await keys.key("k1") != nil)
        publisher.state.withLock { $0.isAway = true }
        time.advance(by: .seconds(3600))
        #expect(try await keys.key("k1") != nil)
    }
}
