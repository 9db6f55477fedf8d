import ApusObservability
import ApusPrimitives
import ApusResilience
import Logging
import TestSupport
import Testing

@Suite struct PolicyMetricsTests {
    struct Refused: Error {}

    let registry = PrometheusRegistry(includesProcess: false)

    private func policy(
        _ configuration: ResiliencePolicy.Configuration, logger: Logger? = nil, on time: ManualTime = ManualTime()
    ) -> ResiliencePolicy {
        let metrics = PolicyMetrics("payment", logger: logger, factory: registry)
        return ResiliencePolicy("payment", configuration, on: time.source, seed: 1, onEvent: metrics.record)
    }

    private func expect(_ lines: String..., sourceLocation: SourceLocation = #_sourceLocation) {
        let text = registry.exposition()
        for line in lines { #expect(text.contains(line + "\n"), "\(line)", sourceLocation: sourceLocation) }
    }

    @Test func endingsAndRejectionsAreCounted() async throws {
        let policy = policy(.init(rateLimit: .init(permits: 2, per: .seconds(60))))
        try await policy.run { _ in }
        _ = try? await policy.run { _ in throw Refused() }
        _ = try? await policy.run { _ in }
        expect(
            #"apus_policy_calls_total{outcome="succeeded",policy="payment"} 1"#,
            #"apus_policy_calls_total{outcome="failed",policy="payment"} 1"#,
            #"apus_policy_rejections_total{part="rateLimit",policy="payment"} 1"#,
            #"apus_policy_call_duration_seconds_count{outcome="succeeded",policy="payment"} 1"#)
    }

    @Test func theShareOfDegradedAnswersCanBeComputed() async throws {
        let policy = policy(.off)
        for attempt in 0..<4 {
            _ = try await policy.run(fallback: { _ in 0 }) { _ in
                if attempt == 0 { throw Refused() }
                return attempt
            }
        }
        expect(
            #"apus_policy_answers_total{kind="full",policy="payment"} 3"#,
            #"apus_policy_answers_total{kind="degraded",policy="payment"} 1"#)
    }

    @Test func retriesAreCounted() async throws {
        let policy = policy(.init(retry: RetryPolicy(maxAttempts: 3, baseDelay: .zero)))
        _ = try? await policy.run(.safe) { _ in throw Refused() }
        expect(
            #"apus_policy_retries_total{policy="payment"} 2"#,
            #"apus_policy_rejections_total{part="retry",policy="payment"} 1"#)
    }

    @Test func attemptTimeoutsAreCounted() async throws {
        let time = ManualTime()
        let policy = policy(.init(attemptTimeout: .seconds(1)), on: time)
        _ = try? await policy.run { _ in time.advance(by: .seconds(2)) }
        expect(#"apus_policy_attempt_timeouts_total{policy="payment"} 1"#)
    }

    @Test func theBreakersStateIsAGaugeAndItsChangeAWarning() async throws {
        let lines = Locked<[String]>([])
        var logger = Logger(label: "test") { _ in LineHandler(lines: lines) }
        logger.logLevel = .info
        let time = ManualTime()
        let policy = policy(.init(breaker: .init(minimumCalls: 1, openFor: .seconds(5))), logger: logger, on: time)
        _ = try? await policy.run { _ in throw Refused() }
        expect(#"apus_policy_breaker_state{policy="payment"} 2"#)
        time.advance(by: .seconds(5))
        try await policy.run { _ in }
        expect(#"apus_policy_breaker_state{policy="payment"} 1"#)
        policy.update(.off)
        expect(
            #"apus_policy_breaker_state{policy="payment"} 0"#,
            #"apus_policy_reconfigurations_total{policy="payment"} 1"#)
        let change = "warning a breaker changed its state payment"
        #expect(lines.withLock { $0 } == [change, change, "info a policy has new settings payment", change])
    }

    @Test func theLimitIsAGauge() {
        let policy = policy(.init(loadShedding: .init()))
        policy.update(.init(loadShedding: .init(maximumLimit: 20)))
        expect(#"apus_policy_limit{policy="payment"} 20"#)
    }

    private struct LineHandler: LogHandler {
        let lines: Locked<[String]>
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let policy = event.metadata?["policy"].map { "\($0)" } ?? ""
            lines.withLock { $0.append("\(event.level) \(event.message) \(policy)") }
        }
    }
}
