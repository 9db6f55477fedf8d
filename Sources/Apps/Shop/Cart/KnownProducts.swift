import ApusPrimitives

/// The products that the inventory told of last, for the time when it does not answer.
final class KnownProducts: Sendable {
    /// Products that come when so many are known are not remembered.
    static let maxKnown = 1_000

    struct Found: Sendable, Equatable {
        let products: [Product]
        /// When the oldest of them was heard of, in milliseconds since 1970.
        let asOf: Int64
    }

    private struct Entry {
        let product: Product
        let heardAt: Int64
    }

    private let entries = Locked<[String: Entry]>([:])

    func remember(_ products: [Product], at now: Int64) {
        entries.withLock { entries in
            for product in products where entries[product.id] != nil || entries.count < Self.maxKnown {
                entries[product.id] = Entry(product: product, heardAt: now)
            }
        }
    }

    /// Nil unless all of them are known.
    func find(_ ids: [String]) -> Found? {
        let found = entries.withLock { entries in ids.compactMap { entries[$0] } }
        guard found.count == ids.count, let oldest = found.map(\.heardAt).min() else { return nil }
        return Found(products: found.map(\.product), asOf: oldest)
    }

    var count: Int { entries.withLock { $0.count } }
}
