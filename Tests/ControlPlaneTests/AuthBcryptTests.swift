import ApusPrimitives
import Testing

@testable import ApusControlPlane

@Suite struct AuthBcryptTests {
    /// From the library of the system (libxcrypt), but for the first, from its author's tests.
    @Test(arguments: vectors) func hashesAreThoseOfEverybodyElse(password: String, hash: String) {
        #expect(Bcrypt.verify(password, against: Bytes(hash)))
        #expect(!Bcrypt.verify(password + "\u{1}", against: Bytes(hash)) || password.utf8.count >= 72)
    }

    @Test func aHashHasASaltOfItsOwn() {
        let (one, other) = (Bcrypt.hash("secret", cost: 4), Bcrypt.hash("secret", cost: 4))
        #expect(one != other)
        #expect(one.text.hasPrefix("$2a$04$"))
        #expect(one.count == 60)
        #expect(Bcrypt.verify("secret", against: one))
        #expect(Bcrypt.verify("secret", against: other))
        #expect(!Bcrypt.verify("Secret", against: one))
        #expect(!Bcrypt.verify("", against: one))
    }

    @Test("Hashes are equal when all of their bytes are, and not by any chance")
    func comparison() {
        var random = SeededRandom(seed: 11)
        func hash() -> [UInt8] { (0..<23).map { _ in UInt8.random(in: 0...255, using: &random) } }
        for _ in 0..<5_000 {
            let one = hash()
            #expect(Bcrypt.areEqual(one, one))
            #expect(!Bcrypt.areEqual(one, hash()))
            var near = one
            near[Int.random(in: 0..<23, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            #expect(!Bcrypt.areEqual(one, near))
        }
        #expect(!Bcrypt.areEqual([], hash()))
    }

    @Test(arguments: ["", "secret", "$2a$99$abcdefghijklmnopqrstuu", "$2a$04$" + String(repeating: "!", count: 53)])
    func whatIsNoHashFitsNoPassword(text: String) {
        #expect(!Bcrypt.verify("secret", against: Bytes(text)))
        #expect(!Bcrypt.verify("", against: Bytes(text)))
    }
}

private let vectors: [(String, String)] = [
    (
        "U*U",
        "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
    ),
    (
        "",
        "$2a$04$abcdefghijklmnopqrstuubyCG3zY1GIXMyxfivm.ClDiInHzxjiq"
    ),
    (
        "a",
        "$2a$04$abcdefghijklmnopqrstuuMFdJu9yVgmagVAIC24fOZkaFqd3s9JC"
    ),
    (
        "correct horse battery staple",
        "$2a$04$abcdefghijklmnopqrstuu7EJV7kdjBBQxyb0HjTh9KS7.Lah/6CG"
    ),
    (
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "$2a$04$abcdefghijklmnopqrstuu.gc7UY/21CSNJGJg21jJzx9QiOpJ9bO"
    ),
    (
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "$2a$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i"
    ),
    (
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "$2a$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i"
    ),
    (
        "pässwörd",
        "$2a$04$abcdefghijklmnopqrstuuyx2n0Zzopyr9QuYTMCfOJJOj526QVoC"
    ),
]
