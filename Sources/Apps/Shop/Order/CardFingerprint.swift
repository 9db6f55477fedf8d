import Crypto
import Foundation

/// Tells whether two card numbers are the same without keeping either: HMAC-SHA256 under a key of its own file.
///
/// A plain hash would not do, as there are few enough card numbers to try them all. The key stays out of the database,
/// so that a copy of the database alone gives no card away.
struct CardFingerprint: Sendable {
    private let key: SymmetricKey

    init(key: [UInt8]) {
        self.key = SymmetricKey(data: key)
    }

    /// Reads the key of `path`, or makes one there (mode 0600). Several instances may start at once: one key wins.
    init(file path: String) throws {
        if !FileManager.default.fileExists(atPath: path) {
            try Self.create(path)
        }
        let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
        guard bytes.count == Self.keyLength else { throw Damaged(path: path) }
        self.init(key: bytes)
    }

    func callAsFunction(_ card: CardNumber) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: Array("card:\(card.digits)".utf8), using: key))
    }

    struct Damaged: Error, CustomStringConvertible {
        let path: String
        var description: String { "\(path) does not hold the \(keyLength) bytes of a key; restore it from a backup" }
    }

    private static let keyLength = 32

    private static func create(_ path: String) throws {
        let key = SymmetricKey(size: .bits256).withUnsafeBytes { Data($0) }
        let draft = path + ".\(UUID().uuidString)"
        let created = FileManager.default.createFile(
            atPath: draft, contents: nil, attributes: [.posixPermissions: NSNumber(value: 0o600)])
        guard created, let file = FileHandle(forWritingAtPath: draft) else { throw CocoaError(.fileWriteUnknown) }
        defer { try? FileManager.default.removeItem(atPath: draft) }
        try file.write(contentsOf: key)
        try file.synchronize()
        try file.close()
        // A hard link fails where a rename would replace: whoever comes second uses the key of the first.
        do {
            try FileManager.default.linkItem(atPath: draft, toPath: path)
        } catch  where FileManager.default.fileExists(atPath: path) {}
    }
}
