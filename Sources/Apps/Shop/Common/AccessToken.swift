import Crypto
import Foundation

/// A JSON Web Token (RFC 7519, signed with ES256, typed as RFC 9068) that says who calls.
///
/// Written out here because it is the strict half of the standard only: one algorithm, a key identifier that must be
/// known, canonical base 64, and nothing in the header that could choose another way to check.
enum AccessToken {
    static let algorithm = "ES256"
    static let type = "at+jwt"
    static let issuer = "apus-shop"
    static let audience = "shop"
    /// The longest token that is looked at, in bytes.
    static let maxLength = 2048

    struct Claims: Codable, Hashable, Sendable {
        let issuer: String
        let audience: String
        /// The user.
        let subject: String
        let sessionID: String
        let tokenID: String
        /// Seconds since 1970, as the following two.
        let issuedAt: Int64
        let notBefore: Int64
        let expiresAt: Int64

        enum CodingKeys: String, CodingKey {
            case issuer = "iss"
            case audience = "aud"
            case subject = "sub"
            case sessionID = "sid"
            case tokenID = "jti"
            case issuedAt = "iat"
            case notBefore = "nbf"
            case expiresAt = "exp"
        }
    }

    struct Header: Codable, Hashable, Sendable {
        let algorithm: String
        let keyID: String?
        let type: String?
        /// Extensions that must be understood (RFC 7515, 4.1.11): none are.
        let critical: [String]?

        enum CodingKeys: String, CodingKey {
            case algorithm = "alg"
            case keyID = "kid"
            case type = "typ"
            case critical = "crit"
        }
    }

    /// Why a token is not accepted.
    enum Refusal: Error, Hashable, Sendable {
        case malformed
        case algorithm
        case type
        case unknownKey
        case signature
        case issuer
        case audience
        case notYetValid
        case expired
        case revoked

        /// For a person; it repeats nothing from the token.
        var detail: String {
            switch self {
            case .malformed: "the token is not a JSON Web Token"
            case .algorithm: "the token is not signed with \(AccessToken.algorithm)"
            case .type: "the token is not an access token"
            case .unknownKey: "the token is signed with a key that is not published"
            case .signature: "the signature of the token does not match"
            case .issuer: "the token was issued by somebody else"
            case .audience: "the token is meant for somebody else"
            case .notYetValid: "the token is not valid yet"
            case .expired: "the token has expired"
            case .revoked: "the token has been revoked"
            }
        }
    }

    static func sign(_ claims: Claims, with key: P256.Signing.PrivateKey, keyID: String) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let header = Header(algorithm: algorithm, keyID: keyID, type: type, critical: nil)
        let content = Base64URL.encode(try encoder.encode(header)) + "." + Base64URL.encode(try encoder.encode(claims))
        let signature = try key.signature(for: Array(content.utf8))
        return content + "." + Base64URL.encode(signature.rawRepresentation)
    }

    /// A token taken apart, before anything in it is believed.
    struct Unverified: Sendable {
        let keyID: String
        private let content: [UInt8]
        private let payload: [UInt8]
        private let signature: P256.Signing.ECDSASignature

        init(_ text: String) throws(Refusal) {
            guard text.utf8.count <= AccessToken.maxLength else { throw .malformed }
            let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
            guard parts.count == 3, let head = Base64URL.decode(parts[0]), let payload = Base64URL.decode(parts[1]),
                let header = try? JSONDecoder().decode(Header.self, from: Data(head))
            else { throw .malformed }
            guard header.algorithm == AccessToken.algorithm else { throw .algorithm }
            guard header.type?.lowercased() == AccessToken.type, header.critical == nil else { throw .type }
            guard let keyID = header.keyID, Identifiers.isRecordID(keyID) else { throw .unknownKey }
            guard let signature = Base64URL.decode(parts[2]),
                let parsed = try? P256.Signing.ECDSASignature(rawRepresentation: signature)
            else { throw .signature }
            self.keyID = keyID
            self.payload = payload
            self.signature = parsed
            content = Array(text.utf8[..<parts[1].endIndex])
        }

        /// - Parameter now: seconds since 1970.
        func verified(by key: P256.Signing.PublicKey, now: Int64) throws(Refusal) -> Claims {
            guard key.isValidSignature(signature, for: content) else { throw .signature }
            guard let claims = try? JSONDecoder().decode(Claims.self, from: Data(payload)) else { throw .malformed }
            guard claims.issuer == AccessToken.issuer else { throw .issuer }
            guard claims.audience == AccessToken.audience else { throw .audience }
            guard now < claims.expiresAt else { throw .expired }
            guard claims.notBefore <= now + AccessToken.clockSkewSeconds else { throw .notYetValid }
            return claims
        }
    }

    /// How far the clocks of two machines may be apart before a fresh token counts as one from the future.
    static let clockSkewSeconds: Int64 = 5
}
