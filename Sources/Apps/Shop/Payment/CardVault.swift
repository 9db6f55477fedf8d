import Crypto
import Foundation

/// Seals card numbers, and tells two cards apart without showing either.
///
/// The key stays outside the database, so that a copy of payment.db holds no card number.
struct CardVault: Sendable {
    private let sealing: SymmetricKey
    private let fingerprinting: SymmetricKey

    init(key: SymmetricKey) {
        sealing = HKDF<SHA256>.deriveKey(inputKeyMaterial: key, info: Array("card-sealing".utf8), outputByteCount: 32)
        fingerprinting = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: key, info: Array("card-fingerprint".utf8), outputByteCount: 32)
    }

    /// AES-256-GCM, bound to the token under which it is kept, so that sealed numbers cannot be exchanged.
    func seal(_ number: CardNumber, for tokenDigest: String) throws -> [UInt8] {
        let box = try AES.GCM.seal(
            Array(number.digits.utf8), using: sealing, authenticating: Array(tokenDigest.utf8))
        guard let combined = box.combined else { throw CryptoKitError.incorrectParameterSize }
        return Array(combined)
    }

    /// - Throws: `CryptoKitError` when the bytes were sealed with another key or for another token.
    func open(_ sealed: [UInt8], for tokenDigest: String) throws -> CardNumber? {
        let digits = try AES.GCM.open(
            AES.GCM.SealedBox(combined: sealed), using: sealing, authenticating: Array(tokenDigest.utf8))
        return CardNumber(String(decoding: digits, as: UTF8.self))
    }

    /// The same for the same card; says nothing about it to who lacks the key.
    func fingerprint(_ number: CardNumber) -> String {
        let code = HMAC<SHA256>.authenticationCode(for: Array(number.digits.utf8), using: fingerprinting)
        return Base64URL.encode(Array(code).prefix(16))
    }

    /// The key in the file at `path`, made there first if need be, readable by its owner only.
    ///
    /// Several instances may start at once: the file appears complete or not at all, and the first one wins.
    static func loadOrCreateKey(path: String) throws -> SymmetricKey {
        if let key = try load(path: path) { return key }
        let draft = "\(path).\(Base64URL.encode(Secrets.randomBytes(9)))"
        let created = FileManager.default.createFile(
            atPath: draft, contents: Data(Secrets.randomBytes(32)), attributes: [.posixPermissions: 0o600])
        guard created else { throw KeyFileError(path: path, reason: "cannot be written") }
        defer { unlink(draft) }
        guard link(draft, path) == 0 || errno == EEXIST else {
            throw KeyFileError(path: path, reason: String(cString: strerror(errno)))
        }
        guard let key = try load(path: path) else { throw KeyFileError(path: path, reason: "has gone away") }
        return key
    }

    private static func load(path: String) throws -> SymmetricKey? {
        guard let data = FileManager.default.contents(atPath: path) else { return nil }
        guard data.count == 32 else { throw KeyFileError(path: path, reason: "does not hold 32 bytes") }
        return SymmetricKey(data: data)
    }

    struct KeyFileError: Error, CustomStringConvertible {
        let path: String
        let reason: String

        var description: String { "the key file \(path) \(reason)" }
    }
}
