/// What the config center can change in the user service.
enum UserTunable {
    /// The cost of new password hashes (`PasswordHash.Cost`): log2 of N, and p; r is 8.
    static let scryptLog2N = Tunable("scrypt_log2_n", Int64(PasswordHash.Cost.owasp.log2N), in: 10...18)
    static let scryptP = Tunable("scrypt_p", Int64(PasswordHash.Cost.owasp.p), in: 1...16)

    static let all = [scryptLog2N, scryptP]

    static func passwordCost(_ tunables: Tunables) -> PasswordHash.Cost {
        PasswordHash.Cost(log2N: Int(tunables[scryptLog2N]), r: 8, p: Int(tunables[scryptP]))
    }
}
