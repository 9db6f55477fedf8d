/// The bodies of the auth service.
enum AuthAPI {
    struct LoginRequest: Codable, Sendable {
        let email: String
        let password: String
    }

    struct RefreshRequest: Codable, Sendable {
        let refreshToken: String

        enum CodingKeys: String, CodingKey {
            case refreshToken = "refresh_token"
        }
    }

    struct LogoutRequest: Codable, Sendable {
        /// Ends the session of this token too, when it is another one of the same user.
        let refreshToken: String?

        enum CodingKeys: String, CodingKey {
            case refreshToken = "refresh_token"
        }
    }

    /// RFC 6749, 5.1.
    struct TokenResponse: Codable, Hashable, Sendable {
        let accessToken: String
        let refreshToken: String
        let tokenType: String
        /// Seconds.
        let expiresIn: Int64

        enum CodingKeys: String, CodingKey {
            case accessToken = "access_token"
            case refreshToken = "refresh_token"
            case tokenType = "token_type"
            case expiresIn = "expires_in"
        }
    }
}
