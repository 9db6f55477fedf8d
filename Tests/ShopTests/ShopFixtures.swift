import ApusPrimitives
import ApusSQL
import Crypto
import Foundation

@testable import shop

/// A wall clock that a test moves.
final class MovableClock: Sendable {
    private let state: Locked<Int64>

    init(milliseconds: Int64 = 1_700_000_000_000) {
        state = Locked(milliseconds)
    }

    var clock: WallClock { WallClock { self.milliseconds } }

    var milliseconds: Int64 { state.withLock { $0 } }

    func advance(seconds: Int64) {
        state.withLock { $0 += seconds * 1000 }
    }
}

enum Fixtures {
    /// Cheap enough for a test; the form of the hash is the same.
    static let cheapCost = PasswordHash.Cost(log2N: 4, r: 8, p: 1)

    static func database(_ migrations: [SQLMigration]) async throws -> SQLiteDatabase {
        let database = try SQLiteDatabase.inMemory()
        try await database.migrate(migrations)
        return database
    }

    static let vault = CardVault(key: SymmetricKey(data: [UInt8](repeating: 7, count: 32)))
}
