/// The bodies of the user service.
enum UserAPI {
    struct CreateRequest: Codable, Sendable {
        let name: String
        let email: String
        let password: String
    }

    struct UserResponse: Codable, Hashable, Sendable {
        let id: String
        let name: String
        let email: String
        let createdAt: String

        enum CodingKeys: String, CodingKey {
            case id
            case name
            case email
            case createdAt = "created_at"
        }

        init(_ user: User) {
            id = user.id
            name = user.name
            email = user.email
            createdAt = WallClock.text(milliseconds: user.createdAt)
        }
    }

    struct VerifyRequest: Codable, Sendable {
        let email: String
        let password: String
    }

    struct VerifyResponse: Codable, Hashable, Sendable {
        let userID: String

        enum CodingKeys: String, CodingKey {
            case userID = "user_id"
        }
    }
}
