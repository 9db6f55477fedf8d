public import ApusCoordination
import ApusKV
public import ApusPrimitives

/// What every `CoordinationStore` must do.
///
/// Run each of `checks` with keys of its own; the store need not be empty, and several checks may use one, but not at the
/// same time: some look at the revision of the whole store, and some compact it.
public enum CoordinationConformance {
    /// A store under test.
    public struct Subject: Sendable {
        public let store: any CoordinationStore
        /// All keys of the check begin with this.
        public let prefix: Bytes
        /// Lets the store's time pass, in which it expires leases: moves its clock, or sleeps.
        public let letTimePass: @Sendable (Duration) async throws -> Void

        public init(
            store: any CoordinationStore, prefix: Bytes,
            letTimePass: @escaping @Sendable (Duration) async throws -> Void
        ) {
            self.store = store
            self.prefix = prefix
            self.letTimePass = letTimePass
        }

        func key(_ name: String) -> Bytes { prefix + Bytes(name) }

        var range: KeyRange { .prefix(prefix) }

        /// The names of the keys there are.
        func names() async throws -> [String] {
            try await store.range(RangeRequest(range)).kvs.map { name($0.key) }
        }

        func name(_ key: Bytes) -> String { Bytes(key.array.dropFirst(prefix.count)).text }

        @discardableResult
        func put(_ name: String, _ value: String = "", lease: LeaseID = .none) async throws -> Revision {
            try await store.put(key(name), Bytes(value), lease: lease)
        }

        func value(_ name: String) async throws -> String? {
            try await store.get(key(name))?.value.text
        }

        func revision() async throws -> Revision {
            try await store.range(RangeRequest(range, countOnly: true)).revision
        }
    }

    public struct Check: Sendable, CustomStringConvertible {
        public let name: String
        /// Throws `Violation`, or whatever the store threw where it should not have.
        public let body: @Sendable (Subject) async throws -> Void

        public var description: String { name }

        init(_ name: String, _ body: @escaping @Sendable (Subject) async throws -> Void) {
            self.name = name
            self.body = body
        }
    }

    /// A promise that the store does not keep.
    public struct Violation: Error, CustomStringConvertible {
        public let description: String
    }

    public static let checks: [Check] = ranges + writes + transactions + leases + watches

    static func expect(_ condition: Bool, _ message: @autoclosure () -> String, line: Int = #line) throws {
        if !condition { throw Violation(description: "\(message()) (line \(line))") }
    }

    static func expectEqual<Value: Equatable>(_ found: Value, _ wanted: Value, line: Int = #line) throws {
        if found != wanted { throw Violation(description: "\(found) instead of \(wanted) (line \(line))") }
    }

    /// The code of the `CoordinationError` that `body` must throw.
    @discardableResult
    static func expect(
        _ code: CoordinationError.Code, line: Int = #line, _ body: () async throws -> Void
    ) async throws -> CoordinationError {
        do {
            try await body()
        } catch let error as CoordinationError {
            guard error.code == code else {
                throw Violation(description: "\(error) instead of \(code.rawValue) (line \(line))")
            }
            return error
        }
        throw Violation(description: "no error instead of \(code.rawValue) (line \(line))")
    }
}
