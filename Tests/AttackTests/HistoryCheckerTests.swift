import Testing

@testable import attack

/// A judge that lets everything pass would judge nothing: each kind of lie must be found.
@Suite struct HistoryCheckerTests {
    private let log = [
        Change(revision: 2, key: "a", value: "1-1"), Change(revision: 3, key: "b", value: "2-1"),
        Change(revision: 4, key: "a", value: "1-2"), Change(revision: 5, key: "a", value: nil),
    ]

    private func operation(
        _ key: String, _ kind: Operation.Kind, _ times: ClosedRange<Int64>, _ outcome: Operation.Outcome
    ) -> Operation {
        Operation(
            client: 1, key: key, kind: kind, invoked: times.lowerBound, returned: times.upperBound, outcome: outcome)
    }

    private var honest: [Operation] {
        [
            operation("a", .put(value: "1-1"), 0...10, .written(revision: 2)),
            operation("b", .put(value: "2-1"), 5...30, .unknown("no answer")),
            operation("a", .swap(value: "1-2", since: 2), 20...40, .written(revision: 4)),
            operation("a", .read, 41...50, .read(revision: 4, .init(value: "1-2", modRevision: 4))),
            operation("a", .delete, 51...60, .deleted(revision: 5, count: 1)),
            operation("a", .serializableRead, 61...70, .read(revision: 2, .init(value: "1-1", modRevision: 2))),
            operation("a", .swap(value: "1-3", since: 4), 61...70, .read(revision: 5, nil)),
            operation("c", .delete, 61...70, .deleted(revision: 5, count: 0)),
            operation("c", .put(value: "1-4"), 61...70, .unknown("never happened")),
        ]
    }

    private func judge(_ operations: [Operation], watched: [Watched] = []) -> [String] {
        HistoryChecker.check(operations: operations, log: log, watched: watched)
    }

    @Test func `an honest history passes`() {
        let watched = [Watched(name: "w", start: 3, changes: Array(log.dropFirst()))]
        #expect(judge(honest, watched: watched) == [])
    }

    @Test(arguments: [
        ("a lost write", 0, Operation.Outcome.written(revision: 3), "lost"),
        ("a stale read", 3, .read(revision: 2, .init(value: "1-1", modRevision: 2)), "stale"),
        ("a read of what was not there", 3, .read(revision: 4, nil), "wrong read"),
        (
            "a swap that was refused for nothing", 2, .read(revision: 2, .init(value: "1-1", modRevision: 2)),
            "for nothing"
        ),
        ("a swap that should have been refused", 6, .written(revision: 5), "lost"),
        ("a deletion that is not there", 4, .deleted(revision: 4, count: 1), "lost deletion"),
        ("nothing to delete, although there was", 4, .deleted(revision: 4, count: 0), "nothing to delete"),
    ])
    func `a lie is found`(_ name: String, _ index: Int, _ outcome: Operation.Outcome, _ complaint: String) {
        var operations = honest
        let told = operations[index]
        operations[index] = operation(told.key, told.kind, told.invoked...told.returned, outcome)
        let complaints = judge(operations)
        #expect(complaints.contains { $0.contains(complaint) }, "\(name): \(complaints)")
    }

    @Test func `a write that took effect before it was asked for is found`() {
        var operations = honest
        operations[1] = operation("b", .put(value: "2-1"), 45...46, .unknown("no answer"))
        #expect(judge(operations).contains { $0.contains("stale") })
    }

    @Test func `a swap at another change than it named is found`() {
        var operations = honest
        operations[2] = operation("a", .swap(value: "1-2", since: 0), 20...40, .written(revision: 4))
        #expect(judge(operations).contains { $0.contains("went through") })
    }

    @Test func `a value that was written twice, or by nobody, is found`() {
        let twice = log + [Change(revision: 6, key: "a", value: "1-1")]
        #expect(HistoryChecker.check(operations: honest, log: twice, watched: []).contains { $0.contains("twice") })
        let strange = log + [Change(revision: 6, key: "a", value: "9-9")]
        #expect(HistoryChecker.check(operations: honest, log: strange, watched: []).contains { $0.contains("nobody") })
    }

    @Test func `a watcher that missed, doubled or invented something is found`() {
        let missed = [log[0], log[2]]
        let doubled = [log[0], log[1], log[1], log[2]]
        let invented = [log[0], Change(revision: 3, key: "b", value: "x")]
        for changes in [missed, doubled, invented] {
            #expect(!judge(honest, watched: [Watched(name: "w", start: 2, changes: changes)]).isEmpty)
        }
    }
}
