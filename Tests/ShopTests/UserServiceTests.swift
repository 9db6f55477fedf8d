import ApusRPC
import ApusSQL
import Testing

@testable import shop

@Suite struct UserServiceTests {
    let clock = MovableClock()

    func service(cost: PasswordHash.Cost = Fixtures.cheapCost) async throws -> UserService {
        UserService(
            database: try await Fixtures.database(UserService.migrations), hasher: PasswordHasher { cost },
            clock: clock.clock)
    }

    static func request(
        name: String = "Ada", email: String = "ada@example.org", password: String = "correct horse"
    ) -> UserAPI.CreateRequest {
        UserAPI.CreateRequest(name: name, email: email, password: password)
    }

    @Test func `creates and finds a user`() async throws {
        let service = try await service()
        let user = try await service.create(Self.request(name: "  Ada Lovelace ", email: " Ada@Example.ORG "))
        #expect(user.name == "Ada Lovelace")
        #expect(user.email == "ada@example.org")
        #expect(try await service.user(id: user.id) == user)
        #expect(try await service.user(id: "nobody") == nil)
    }

    @Test func `an address is taken once, in any case`() async throws {
        let service = try await service()
        _ = try await service.create(Self.request())
        let problem = try await #require(throws: Problem.self) {
            try await service.create(Self.request(email: "ADA@example.org"))
        }
        #expect(problem.status == 409)
        #expect(problem.slug == "email-taken")
    }

    @Test func `of many at once one gets the address`() async throws {
        let service = try await service()
        let created = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<10 {
                group.addTask { (try? await service.create(Self.request())) != nil }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(created == 1)
    }

    @Test(arguments: [
        (Self.request(name: ""), "name"), (Self.request(name: "   "), "name"),
        (Self.request(name: String(repeating: "a", count: 101)), "name"), (Self.request(name: "a\u{0}b"), "name"),
        (Self.request(email: "ada"), "email"), (Self.request(email: "ada@localhost"), "email"),
        (Self.request(email: "a@b@c.de"), "email"), (Self.request(email: "a b@c.de"), "email"),
        (Self.request(email: ".a@c.de"), "email"), (Self.request(email: "a@-c.de"), "email"),
        (Self.request(email: String(repeating: "a", count: 250) + "@c.de"), "email"),
        (Self.request(password: "1234567"), "password"),
        (Self.request(password: String(repeating: "p", count: 129)), "password"),
        (Self.request(password: "a" + String(repeating: "\u{301}", count: 400)), "password"),
    ])
    func `a field over its limits is named`(request: UserAPI.CreateRequest, field: String) async throws {
        let service = try await service()
        let problem = try await #require(throws: Problem.self) { try await service.create(request) }
        #expect(problem.status == 422)
        #expect(problem.extensions["field"] == .string(field))
    }

    @Test func `all wrong fields are named at once`() async throws {
        let service = try await service()
        let problem = try await #require(throws: Problem.self) {
            try await service.create(Self.request(name: "", email: "x", password: ""))
        }
        guard case .array(let errors) = problem.extensions["errors"] else {
            Issue.record("no list of errors")
            return
        }
        #expect(errors.count == 3)
    }

    @Test func `a password is right or wrong, an unknown user the same as a wrong password`() async throws {
        let service = try await service()
        let user = try await service.create(Self.request())
        #expect(try await service.verify(.init(email: "ADA@example.org", password: "correct horse")) == user.id)
        for request in [
            UserAPI.VerifyRequest(email: "ada@example.org", password: "wrong horse"),
            UserAPI.VerifyRequest(email: "bob@example.org", password: "correct horse"),
            UserAPI.VerifyRequest(email: "nonsense", password: "correct horse"),
            UserAPI.VerifyRequest(email: "ada@example.org", password: ""),
        ] {
            let problem = try await #require(throws: Problem.self) { try await service.verify(request) }
            #expect(problem == Problem.invalidCredentials)
        }
    }

    @Test func `a login renews the hash when the cost was changed`() async throws {
        let database = try await Fixtures.database(UserService.migrations)
        let old = UserService(
            database: database, hasher: PasswordHasher { Fixtures.cheapCost }, clock: clock.clock)
        _ = try await old.create(Self.request())
        let dearer = PasswordHash.Cost(log2N: 5, r: 8, p: 1)
        let new = UserService(database: database, hasher: PasswordHasher { dearer }, clock: clock.clock)
        _ = try await new.verify(.init(email: "ada@example.org", password: "correct horse"))
        let stored = try await UserStore(database: database).credentials(email: "ada@example.org")
        #expect(stored?.passwordHash?.cost == dearer)
        _ = try await new.verify(.init(email: "ada@example.org", password: "correct horse"))
    }
}

@Suite struct PasswordHashTests {
    @Test func `scrypt as RFC 7914 has it`() throws {
        let salt = Array("SodiumChloride".utf8)
        let key = try PasswordHasher.derive(
            "pleaseletmein", salt: salt, cost: PasswordHash.Cost(log2N: 14, r: 8, p: 1))
        #expect(
            key.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined().hasPrefix(
                "7023bdcb3afd7348461c06cd81fd38eb"))
    }

    @Test func `the stored form comes back, and nothing else does`() throws {
        let hash = PasswordHash(
            cost: .owasp, salt: [UInt8](repeating: 1, count: 16), key: [UInt8](repeating: 2, count: 32))
        #expect(hash.encoded.hasPrefix("$scrypt$ln=14,r=8,p=5$"))
        #expect(PasswordHash(encoded: hash.encoded) == hash)
        for text in [
            "", "$", "plain", "$scrypt$ln=14,r=8$x$y", hash.encoded + "$", hash.encoded.dropLast().description,
            hash.encoded.replacing("ln=14", with: "ln=40"), hash.encoded.replacing("scrypt", with: "md5"),
        ] {
            #expect(PasswordHash(encoded: text) == nil)
        }
    }

    @Test func `the same characters typed differently are the same password`() throws {
        let salt = [UInt8](repeating: 3, count: 16)
        let composed = try PasswordHasher.derive("caf\u{E9}-12345", salt: salt, cost: Fixtures.cheapCost)
        let decomposed = try PasswordHasher.derive("cafe\u{301}-12345", salt: salt, cost: Fixtures.cheapCost)
        #expect(composed == decomposed)
    }

    @Test func `equal hashes of one password never look the same`() async throws {
        let hasher = PasswordHasher { Fixtures.cheapCost }
        let first = try await hasher.hash("correct horse")
        let second = try await hasher.hash("correct horse")
        #expect(first != second)
        #expect(try await hasher.verify("correct horse", against: second))
        #expect(try await !hasher.verify("correct horsf", against: second))
        #expect(try await !hasher.verify("correct horse", against: nil))
    }
}
