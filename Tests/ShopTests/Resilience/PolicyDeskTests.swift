import ApusCoordination
import ApusKV
import ApusPrimitives
import ApusResilience
import Logging
import TestSupport
import Testing

@testable import shop

/// Policies follow the config center; what cannot be changes nothing.
@Suite struct PolicyDeskTests {
    /// Keeps what is logged.
    private final class Lines: Sendable {
        let texts = Locked<[String]>([])

        var logger: Logger {
            Logger(label: "test") { _ in Handler(lines: self) }
        }

        private struct Handler: LogHandler {
            let lines: Lines
            var metadata: Logger.Metadata = [:]
            var logLevel = Logger.Level.info

            subscript(metadataKey key: String) -> Logger.Metadata.Value? {
                get { metadata[key] }
                set { metadata[key] = newValue }
            }

            func log(event: LogEvent) {
                let more = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
                lines.texts.withLock { $0.append("\(event.level) \(event.message) \(more.joined(separator: " "))") }
            }
        }
    }

    private func whileRunning(
        _ names: [String], _ body: (EmbeddedStore, PolicyDesk, Lines) async throws -> Void
    ) async throws {
        let (store, lines) = (EmbeddedStore(), Lines())
        let desk = PolicyDesk(store: store, names: names, logger: lines.logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await store.run() }
            group.addTask { try await desk.run() }
            try await desk.center.waitUntilReady()
            try await body(store, desk, lines)
            group.cancelAll()
        }
    }

    @Test func aStoredPolicyHoldsAtOnceAndWhatItKnowsStays() async throws {
        try await whileRunning(["payment"]) { store, desk, _ in
            let policy = ResiliencePolicy("payment", .init(breaker: .init(minimumCalls: 4)))
            desk.add(policy, as: "payment")
            for _ in 0..<3 { try? await policy.run { _ in throw Failure() } }
            // The window of three failures stays: one more opens the breaker, for as long as the new setting says.
            try await store.put(
                "apus/config/resilience/payment", #"{"breaker": {"minimumCalls": 4, "openMilliseconds": 77000}}"#)
            try await eventually { policy.configuration.breaker?.openFor == .seconds(77) }
            try? await policy.run { _ in throw Failure() }
            #expect(Self.isOpen(policy))
            // A part that the setting does not name is as it was built, not as it was set before.
            try await store.put("apus/config/resilience/payment", #"{"deadlineMilliseconds": 250}"#)
            try await eventually { policy.configuration.deadline == .milliseconds(250) }
            #expect(policy.configuration.breaker == .init(minimumCalls: 4))
            #expect(Self.isOpen(policy))
            _ = try await store.delete(.init(.key("apus/config/resilience/payment")))
            try await eventually { policy.configuration.deadline == nil }
        }
    }

    @Test(arguments: [
        (#"{"breaker": {"openMilliseconds": -5}}"#, "breaker.openMilliseconds"), (#"{"braker": {}}"#, "braker"),
        (#"{"bulkhead": 7}"#, "bulkhead"), ("[]", ""), ("{", ""), ("fast please", ""),
    ])
    func whatCannotBeIsLoggedAndTheOldOneStays(setting: String, named: String) async throws {
        try await whileRunning(["payment", "cart"]) { store, desk, lines in
            let (payment, cart) = (ResiliencePolicy("payment", .off), ResiliencePolicy("cart", .off))
            desk.add(payment, as: "payment")
            desk.add(cart, as: "cart")
            try await store.put("apus/config/resilience/payment", #"{"deadlineMilliseconds": 100}"#)
            try await eventually { payment.configuration.deadline == .milliseconds(100) }
            try await store.put("apus/config/resilience/payment", .init(setting))
            try await eventually { lines.texts.withLock { $0 }.contains { $0.hasPrefix("error") } }
            let line = lines.texts.withLock { $0 }.first { $0.hasPrefix("error") } ?? ""
            #expect(line.contains("policy=payment") && (named.isEmpty || line.contains(named)), "\(line)")
            #expect(payment.configuration.deadline == .milliseconds(100))
            let flaw = try #require(desk.flaw(of: setting, for: "payment"))
            #expect(named.isEmpty || flaw.contains(named), "\(flaw)")
            // The others go on being changed.
            try await store.put("apus/config/resilience/cart", #"{"deadlineMilliseconds": 5}"#)
            try await eventually { cart.configuration.deadline == .milliseconds(5) }
        }
    }

    @Test func anInstanceThatComesLaterIsToldWhatTheOthersKnow() async throws {
        try await whileRunning(["cart-host"]) { store, desk, _ in
            let first = ResiliencePolicy("cart host", .off)
            desk.add(first, as: "cart-host")
            try await store.put("apus/config/resilience/cart-host", #"{"deadlineMilliseconds": 100}"#)
            try await eventually { first.configuration.deadline == .milliseconds(100) }
            let second = ResiliencePolicy("cart host", .off)
            desk.add(second, as: "cart-host")
            #expect(second.configuration.deadline == .milliseconds(100))
        }
    }

    @Test func everyPolicyHasANameOfItsOwn() {
        #expect(Set(ShopPolicies.names).count == ShopPolicies.names.count)
        #expect(ShopPolicies.names.count == 2 * ShopPart.services.count + 4)
    }

    private struct Failure: Error {}

    private static func isOpen(_ policy: ResiliencePolicy) -> Bool {
        if case .open = policy.snapshot().breaker { true } else { false }
    }
}
