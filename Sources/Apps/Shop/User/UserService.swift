import ApusRPC
import ApusSQL

/// Accounts: who somebody is, and whether a password is theirs.
struct UserService: Sendable {
    static let name = "user"
    static var migrations: [SQLMigration] { UserStore.migrations }

    /// Characters, counted as Unicode scalars.
    static let nameLength = 1...100
    static let passwordLength = 8...128
    /// A password in UTF-8, at most.
    static let maxPasswordBytes = 512

    let store: UserStore
    let hasher: PasswordHasher
    let clock: WallClock

    init(database: any SQLDatabase, tunables: Tunables = .defaults, clock: WallClock = .system) {
        self.init(database: database, hasher: PasswordHasher { UserTunable.passwordCost(tunables) }, clock: clock)
    }

    init(database: any SQLDatabase, hasher: PasswordHasher, clock: WallClock) {
        store = UserStore(database: database)
        self.hasher = hasher
        self.clock = clock
    }

    /// - Throws: `Problem`: 422 naming the fields, 409 `email-taken`, 503.
    func create(_ request: UserAPI.CreateRequest) async throws -> User {
        var errors = FieldErrors()
        let name = request.name.trimmingSpaces()
        errors.check(
            Self.nameLength.contains(name.unicodeScalars.count) && !name.hasControlCharacters, "name",
            "must have 1 to 100 characters, none of them a control character")
        let email = EmailAddress(request.email)
        errors.check(email != nil, "email", "must be an e-mail address of at most 254 characters")
        errors.check(
            Self.isPassword(request.password), "password", "must have 8 to 128 characters (512 bytes at most)")
        try errors.throwIfAny()
        guard let email else { throw Problem.invalidFields(errors.list) }
        // Before the costly hash; the database decides.
        guard try await !store.exists(email: email.text) else { throw Self.emailTaken }
        let hash = try await hashing { try await hasher.hash(request.password) }
        let user = User(
            id: Identifiers.next(at: clock), name: name, email: email.text, createdAt: clock.milliseconds)
        guard try await store.insert(user, passwordHash: hash) else { throw Self.emailTaken }
        return user
    }

    func user(id: String) async throws -> User? {
        try await store.user(id: id)
    }

    /// The user whose address and password these are. Takes the same time whether there is such a user or not.
    ///
    /// - Throws: `Problem` 401 `invalid-credentials`, 503.
    func verify(_ request: UserAPI.VerifyRequest) async throws -> String {
        guard let email = EmailAddress(request.email), Self.isPassword(request.password) else {
            throw Problem.invalidCredentials
        }
        let credentials = try await store.credentials(email: email.text)
        let hash = credentials?.passwordHash
        let isRight = try await hashing { try await hasher.verify(request.password, against: hash) }
        guard let credentials, let hash, isRight else { throw Problem.invalidCredentials }
        if hasher.isOutdated(hash) {
            // The login is right either way; a lane that is full now will be free at a later one.
            if let newer = try? await hasher.hash(request.password) {
                try await store.replacePasswordHash(of: credentials.userID, from: hash, to: newer)
            }
        }
        return credentials.userID
    }

    private static func isPassword(_ text: String) -> Bool {
        text.utf8.count <= maxPasswordBytes && passwordLength.contains(text.unicodeScalars.count)
    }

    private func hashing<Value>(_ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch is WorkLanes.Overloaded {
            throw Problem.busy(
                "Too many passwords are being checked at the moment.", policy: "password-lanes", retryAfterSeconds: 1)
        }
    }

    private static var emailTaken: Problem {
        Problem(
            "email-taken", status: 409, title: "Email Taken", detail: "There is an account with this e-mail address.",
            extensions: ["field": "email"])
    }
}

extension String {
    /// Whether it holds a character that moves a cursor instead of showing something.
    var hasControlCharacters: Bool {
        unicodeScalars.contains { $0.properties.generalCategory == .control }
    }
}
