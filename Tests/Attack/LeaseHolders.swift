import ApusEtcdAPI
import ApusPrimitives
import ApusResilience

/// Clients that hold leases: each keeps one alive for a while at all members in turn, leaves it to itself, and sees when it ends.
final class LeaseHolders: Sendable {
    private let endpoints: [Endpoint]
    private let seed: UInt64
    private let terms = Locked<[LeaseTerm]>([])
    private let isOver = Locked(false)
    /// How long a lease may outlive its time when nothing is broken any more: a new leader begins it anew, and ends it late.
    private static let patience = Duration.seconds(60)

    init(endpoints: [Endpoint], seed: UInt64) {
        self.endpoints = endpoints
        self.seed = seed
    }

    var history: [LeaseTerm] { terms.withLock { $0 } }

    func finish() { isOver.withLock { $0 = true } }

    private static var now: Int64 { TimeSource.continuous.now().nanoseconds }

    /// One lease after the other, until `finish`.
    func run(_ holder: Int) async {
        var random = SeededRandom(seed: seed &+ UInt64(holder) &* 0x51ED)
        var count = 0
        while !isOver.withLock({ $0 }), !Task.isCancelled {
            count += 1
            let seconds = Int64.random(in: 3...12, using: &random)
            let asked = Self.now
            do {
                let id = try await endpoint(&random).grantLease(seconds: seconds)
                var term = LeaseTerm(key: "lease/\(holder)-\(count)", seconds: seconds, confirmed: asked)
                try await endpoint(&random).put(term.key, lease: id)
                await hold(&term, id, keepAlives: Int.random(in: 0...30, using: &random), &random)
                await awaitEnd(&term, &random)
                let result = term
                terms.withLock { $0.append(result) }
            } catch {
                // Nobody knows whether there is a lease, or a key.
                try? await TimeSource.continuous.sleep(for: .milliseconds(200))
            }
        }
    }

    private func endpoint(_ random: inout SeededRandom) -> Endpoint {
        endpoints.randomElement(using: &random) ?? endpoints[0]
    }

    private func hold(_ term: inout LeaseTerm, _ id: Int64, keepAlives: Int, _ random: inout SeededRandom) async {
        for _ in 0..<keepAlives where !isOver.withLock({ $0 }) {
            let asked = Self.now
            if let left = try? await endpoint(&random).keepAlive(id) {
                if left <= 0 { return term.gone = Self.now }
                term.confirmed = asked
                term.keepAlives += 1
            }
            if await isGone(term, &random) { return term.gone = Self.now }
            try? await TimeSource.continuous.sleep(for: .milliseconds(500))
        }
    }

    private func awaitEnd(_ term: inout LeaseTerm, _ random: inout SeededRandom) async {
        var limit: ContinuousClock.Instant?
        while term.gone == nil, !Task.isCancelled {
            if await isGone(term, &random) { return term.gone = Self.now }
            if limit == nil, isOver.withLock({ $0 }) { limit = .now + Self.patience }
            if let limit, limit < .now { return }
            try? await TimeSource.continuous.sleep(for: .milliseconds(300))
        }
    }

    private func isGone(_ term: LeaseTerm, _ random: inout SeededRandom) async -> Bool {
        let response = try? await endpoint(&random).range(term.key, serializable: false)
        return response?.kvs.isEmpty ?? false
    }
}
