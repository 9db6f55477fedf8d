import Foundation
import TestSupport
import Testing

@testable import shop

struct CardFingerprintTests {
    private let card: CardNumber
    private let other: CardNumber

    init() throws {
        card = try #require(CardNumber("4242 4242 4242 4242"))
        other = try #require(CardNumber("4000000000000002"))
    }

    @Test func theSameCardHasTheSameFingerprintAndAnotherDoesNot() {
        let fingerprint = CardFingerprint(key: Array(0..<32))
        #expect(fingerprint(card) == fingerprint(card))
        #expect(fingerprint(card) != fingerprint(other))
        #expect(fingerprint(card) != CardFingerprint(key: Array(1..<33))(card))
    }

    @Test func theKeyIsMadeOnceAndOnlyItsOwnerMayReadIt() throws {
        let folder = try TemporaryDirectory()
        let path = folder.file("order.key")
        let first = try CardFingerprint(file: path)
        let second = try CardFingerprint(file: path)
        #expect(first(card) == second(card))
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["order.key"])
    }

    @Test func instancesThatStartTogetherAgree() async throws {
        let path = try TemporaryDirectory()
        let file = path.file("order.key")
        let card = card
        let prints = try await withThrowingTaskGroup(of: [UInt8].self) { group in
            for _ in 0..<16 { group.addTask { try CardFingerprint(file: file)(card) } }
            return try await group.reduce(into: Set<[UInt8]>()) { $0.insert($1) }
        }
        #expect(prints.count == 1)
    }

    @Test func aDamagedKeyIsRefused() throws {
        let folder = try TemporaryDirectory()
        try Data([1, 2, 3]).write(to: folder.url.appending(path: "order.key"))
        #expect(throws: CardFingerprint.Damaged.self) { try CardFingerprint(file: folder.file("order.key")) }
    }
}
