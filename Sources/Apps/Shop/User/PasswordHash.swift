import ApusPrimitives

/// What is stored of a password: the scrypt key (RFC 7914) together with the salt and the cost it was derived with.
///
/// Written as a PHC string, `$scrypt$ln=14,r=8,p=5$<salt>$<key>`, so that the cost can be raised while old hashes go on
/// working.
struct PasswordHash: Hashable, Sendable {
    /// The cost of one derivation: it needs 128 · r · 2^log2N bytes of memory and time in proportion to p times that.
    struct Cost: Hashable, Sendable {
        var log2N: Int
        var r: Int
        var p: Int

        /// One of the settings that OWASP's password storage cheat sheet holds equivalent (2026): 16 MiB a derivation.
        static let owasp = Cost(log2N: 14, r: 8, p: 5)

        /// What is accepted from a stored hash or the config center; the upper end is 1 GiB.
        var isAcceptable: Bool { (1...20).contains(log2N) && (1...8).contains(r) && (1...16).contains(p) }
    }

    static let saltLength = 16
    static let keyLength = 32

    let cost: Cost
    let salt: [UInt8]
    let key: [UInt8]

    init(cost: Cost, salt: [UInt8], key: [UInt8]) {
        self.cost = cost
        self.salt = salt
        self.key = key
    }

    var encoded: String {
        "$scrypt$ln=\(cost.log2N),r=\(cost.r),p=\(cost.p)$\(Base64URL.encode(salt))$\(Base64URL.encode(key))"
    }

    /// Reads `encoded` back; nil for anything else.
    init?(encoded: String) {
        let parts = encoded.split(separator: "$", omittingEmptySubsequences: false)
        guard parts.count == 5, parts[0].isEmpty, parts[1] == "scrypt" else { return nil }
        let fields = parts[2].split(separator: ",")
        let names = ["ln=", "r=", "p="]
        guard fields.count == names.count else { return nil }
        var numbers: [Int] = []
        for (field, name) in zip(fields, names) {
            guard field.hasPrefix(name), let number = Int(field.dropFirst(name.count)) else { return nil }
            numbers.append(number)
        }
        let cost = Cost(log2N: numbers[0], r: numbers[1], p: numbers[2])
        guard cost.isAcceptable, let salt = Base64URL.decode(parts[3].utf8), salt.count == Self.saltLength,
            let key = Base64URL.decode(parts[4].utf8), key.count == Self.keyLength
        else { return nil }
        self.init(cost: cost, salt: salt, key: key)
    }
}
