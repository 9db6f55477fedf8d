import ApusRPC

/// Who calls: what a checked access token says.
struct Caller: Hashable, Sendable {
    let userID: String
    let sessionID: String
}

/// Decides at every service whether an access token is accepted: signature, claims, and that its session has not ended.
struct TokenVerifier: Sendable {
    let keys: PublishedKeys
    let revocations: Revocations
    let clock: WallClock

    /// - Parameter authorization: the values of the Authorization fields of a request.
    /// - Throws: `Problem`: 401 saying what is wrong, 503 when it cannot be decided; `CancellationError`.
    func caller(authorization: [String]) async throws -> Caller {
        guard let first = authorization.first else { throw Problem.tokenMissing }
        guard authorization.count == 1 else { throw Problem.invalidToken("there are several Authorization fields") }
        let parts = first.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { throw Problem.tokenMissing }
        return try await caller(token: parts[1].trimmingSpaces())
    }

    func caller(token: String) async throws -> Caller {
        do {
            let claims = try await verify(token)
            return Caller(userID: claims.subject, sessionID: claims.sessionID)
        } catch let refusal as AccessToken.Refusal {
            throw Problem.invalidToken(refusal.detail)
        } catch is PublishedKeys.Unavailable {
            throw Problem.unavailable(
                "The keys to check the access token with cannot be had at the moment.", policy: "token-check",
                retryAfter: .seconds(1))
        } catch is Revocations.Unavailable {
            throw Problem.unavailable(
                "Whether the access token has been revoked cannot be known at the moment.", policy: "token-check",
                retryAfter: .seconds(1))
        }
    }

    private func verify(_ token: String) async throws -> AccessToken.Claims {
        let unverified = try AccessToken.Unverified(token)
        guard let key = try await keys.key(unverified.keyID) else { throw AccessToken.Refusal.unknownKey }
        let claims = try unverified.verified(by: key, now: clock.seconds)
        guard Identifiers.isRecordID(claims.subject), Identifiers.isRecordID(claims.sessionID) else {
            throw AccessToken.Refusal.malformed
        }
        guard try await !revocations.contains(sessionID: claims.sessionID) else { throw AccessToken.Refusal.revoked }
        return claims
    }
}
