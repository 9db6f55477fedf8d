import ApusKV
import ApusPrimitives
import Testing

@testable import ApusCoordination

@Suite struct InstanceTableTests {
    var table = InstanceTable()
    let end = MonotonicTime.zero + .seconds(10)

    private func entry(_ id: String, port: Int, at revision: Int64) throws -> KeyValue {
        let instance = ServiceInstance(service: "s", id: id, host: "h", port: port)
        return KeyValue(
            key: instance.key, value: try instance.encoded(), createRevision: Revision(revision),
            modRevision: Revision(revision), version: 1)
    }

    private var ports: [Int] { (table.instances["s"] ?? []).map(\.port) }

    @Test mutating func `a list is believed, also one of a store that lost its data and grew again`() throws {
        _ = table.list([try entry("a", port: 1, at: 50)], at: Revision(50), missingUntil: end)
        // The revisions alone do not show that this is another timeline.
        _ = table.list([try entry("a", port: 2, at: 10)], at: Revision(60), missingUntil: end)
        #expect(ports == [2])
        _ = table.apply([Event(kind: .put, kv: try entry("a", port: 3, at: 61))])
        #expect(ports == [3])
        _ = table.list([try entry("a", port: 4, at: 5)], at: Revision(5), missingUntil: end)
        #expect(ports == [4])
        _ = table.apply([Event(kind: .delete, kv: try entry("a", port: 4, at: 6))])
        #expect(ports.isEmpty)
    }

    @Test mutating func `events from before the list change nothing that it shows`() throws {
        _ = table.list([try entry("a", port: 2, at: 8)], at: Revision(10), missingUntil: end)
        _ = table.apply([
            Event(kind: .put, kv: try entry("a", port: 1, at: 5)),
            Event(kind: .delete, kv: try entry("a", port: 1, at: 6)),
            Event(kind: .put, kv: try entry("b", port: 9, at: 7)),
        ])
        #expect(ports == [2])
    }

    @Test mutating func `what a list lacks goes at its time, unless it comes back`() throws {
        _ = table.list(
            [try entry("a", port: 1, at: 2), try entry("b", port: 2, at: 3)], at: Revision(3), missingUntil: end)
        _ = table.list([], at: Revision(1), missingUntil: end)
        _ = table.dropMissing(at: end - .nanoseconds(1))
        #expect(ports == [1, 2])
        _ = table.apply([Event(kind: .put, kv: try entry("b", port: 2, at: 2))])
        _ = table.dropMissing(at: end)
        #expect(ports == [2])
    }

    @Test mutating func `what is no instance is told of once`() throws {
        let bad = KeyValue(
            key: "apus/services/s/x", value: "no json", createRevision: Revision(2), modRevision: Revision(2),
            version: 1)
        let first = table.list([bad], at: Revision(2), missingUntil: end)
        #expect(first.problems.count == 1)
        let second = table.list([bad], at: Revision(3), missingUntil: end)
        #expect(second.problems.isEmpty)
    }
}
