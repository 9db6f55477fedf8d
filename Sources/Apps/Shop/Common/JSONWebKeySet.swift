import Crypto

/// The public keys of the auth service, as RFC 7517 publishes them.
struct JSONWebKeySet: Codable, Hashable, Sendable {
    /// One elliptic-curve key (RFC 7518, 6.2).
    struct Key: Codable, Hashable, Sendable {
        let keyType: String
        let curve: String
        let x: String
        let y: String
        let keyID: String
        let algorithm: String
        let use: String

        enum CodingKeys: String, CodingKey {
            case keyType = "kty"
            case curve = "crv"
            case x
            case y
            case keyID = "kid"
            case algorithm = "alg"
            case use
        }

        init(_ key: P256.Signing.PublicKey, keyID: String) {
            let point = Array(key.rawRepresentation)
            keyType = "EC"
            curve = "P-256"
            x = Base64URL.encode(point[..<32])
            y = Base64URL.encode(point[32...])
            self.keyID = keyID
            algorithm = AccessToken.algorithm
            use = "sig"
        }

        /// The key, when it is one that may check our tokens; nil for another type, curve or purpose.
        var publicKey: P256.Signing.PublicKey? {
            guard keyType == "EC", curve == "P-256", algorithm == AccessToken.algorithm, use == "sig",
                let x = Base64URL.decode(x.utf8), x.count == 32, let y = Base64URL.decode(y.utf8), y.count == 32
            else { return nil }
            return try? P256.Signing.PublicKey(rawRepresentation: x + y)
        }
    }

    /// The most keys of a set that are looked at.
    static let maxKeys = 16

    let keys: [Key]
}
