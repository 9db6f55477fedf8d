import ApusEtcdAPI
import ApusGRPC
import ApusPrimitives
import ApusResilience

/// Clients that write and read a few keys at all members, and write down what they were told.
final class Workload: Sendable {
    static let prefix = "attack/"
    private static let keys = (0..<6).map { "\(prefix)\($0)" }

    private let endpoints: [Endpoint]
    private let operations = Locked<[Operation]>([])
    private let watched = Locked<[Watched]>([])
    private let isOver = Locked(false)
    private let seed: UInt64
    /// Between two operations of a client.
    private let pause: Duration

    init(endpoints: [Endpoint], seed: UInt64, pause: Duration) {
        self.endpoints = endpoints
        self.seed = seed
        self.pause = pause
    }

    var history: [Operation] { operations.withLock { $0 } }
    var seen: [Watched] { watched.withLock { $0 } }

    func finish() { isOver.withLock { $0 = true } }

    /// Operations that were answered, and those of which nobody knows.
    var counts: (answered: Int, unknown: Int) {
        let all = history
        let answered = all.count { $0.revision != nil }
        return (answered, all.count - answered)
    }

    // MARK: Clients

    /// One operation after the other, until `finish`.
    func runClient(_ client: Int) async {
        var random = SeededRandom(seed: seed &+ UInt64(client) &* 0x9E37)
        var count = 0
        var last: [String: Int64] = [:]
        var endpoint = endpoints[client % endpoints.count]
        while !isOver.withLock({ $0 }) {
            count += 1
            let key = Self.keys.randomElement(using: &random) ?? Self.prefix
            let kind = Self.kind(client, count, since: last[key] ?? 0, using: &random)
            let operation = await perform(kind, key: key, client: client, at: endpoint)
            operations.withLock { $0.append(operation) }
            switch operation.outcome {
            case .written(let revision): last[key] = revision
            case .deleted: last[key] = 0
            case .read(_, let seen): last[key] = seen?.modRevision ?? 0
            case .unknown: endpoint = endpoints.randomElement(using: &random) ?? endpoint
            }
            if Int.random(in: 0..<50, using: &random) == 0 {
                endpoint = endpoints.randomElement(using: &random) ?? endpoint
            }
            try? await TimeSource.continuous.sleep(for: pause)
        }
    }

    private static func kind(
        _ client: Int, _ count: Int, since: Int64, using random: inout SeededRandom
    ) -> Operation.Kind {
        let value = "\(client)-\(count)"
        return switch Int.random(in: 0..<100, using: &random) {
        case 0..<30: .put(value: value)
        case 30..<50: .swap(value: value, since: since)
        case 50..<55: .delete
        case 55..<92: .read
        default: .serializableRead
        }
    }

    private func perform(_ kind: Operation.Kind, key: String, client: Int, at endpoint: Endpoint) async -> Operation {
        let invoked = TimeSource.continuous.now().nanoseconds
        let outcome: Operation.Outcome
        do {
            outcome = try await Self.ask(kind, key, endpoint)
        } catch {
            outcome = .unknown("\(error)")
        }
        return Operation(
            client: client, key: key, kind: kind, invoked: invoked, returned: TimeSource.continuous.now().nanoseconds,
            outcome: outcome)
    }

    private static func ask(_ kind: Operation.Kind, _ key: String, _ endpoint: Endpoint) async throws
        -> Operation.Outcome
    {
        switch kind {
        case .put(let value): return .written(revision: try await endpoint.put(key, value).header.revision)
        case .delete:
            let response = try await endpoint.delete(key)
            return .deleted(revision: response.header.revision, count: response.deleted)
        case .swap(let value, let since):
            let response = try await endpoint.swap(key, value, since: since)
            if response.succeeded { return .written(revision: response.header.revision) }
            return .read(revision: response.header.revision, seen(response.responses.first?.responseRange.kvs.first))
        case .read, .serializableRead:
            let response = try await endpoint.range(key, serializable: !kind.isLinearizable)
            return .read(revision: response.header.revision, seen(response.kvs.first))
        }
    }

    private static func seen(_ kv: EtcdKeyValue?) -> Operation.Seen? {
        kv.map { Operation.Seen(value: String(decoding: $0.value, as: UTF8.self), modRevision: $0.modRevision) }
    }

    // MARK: Watchers

    /// Watches at one member after the other, each time from where it was, until `finish` and all up to `last` was seen.
    func runWatcher(_ number: Int, start: Int64, until last: @Sendable () -> Int64?) async {
        var watcher = Watched(name: "watcher \(number)", start: start)
        var turn = number
        while !Task.isCancelled {
            let next = watcher.changes.last.map { $0.revision + 1 } ?? start
            if let last = last(), next > last { break }
            let endpoint = endpoints[turn % endpoints.count]
            turn += 1
            do {
                try await endpoint.watch(from: next) { response in
                    watcher.changes += response.events.map(Change.init)
                    guard !response.canceled else { return false }
                    guard let last = last() else { return true }
                    return (watcher.changes.last?.revision ?? 0) < last
                }
            } catch {
                try? await TimeSource.continuous.sleep(for: .milliseconds(50))
            }
        }
        let result = watcher
        watched.withLock { $0.append(result) }
    }
}

extension Operation.Kind {
    var isLinearizable: Bool { if case .serializableRead = self { false } else { true } }
}
