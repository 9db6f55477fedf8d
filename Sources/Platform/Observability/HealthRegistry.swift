import ApusChannels
import ApusPrimitives
public import ApusResilience

/// What one health check found.
public enum HealthStatus: Hashable, Sendable {
    case up
    /// Not well, and why, in words that an operator may read (the reason is shown to whoever asks).
    case down(String)

    public var isUp: Bool { self == .up }
}

/// The health checks of one service: `/livez` asks whether to restart it, `/readyz` whether to send it requests.
///
/// A check that does not answer in time counts as down. A check that hangs for good is not started again until it
/// returns, so probes cannot pile up behind it.
public final class HealthRegistry: Sendable {
    public enum Kind: String, Hashable, Sendable {
        /// Down means: only a restart helps. A dependency that is away is no reason.
        case liveness
        /// Down means: send no requests for now.
        case readiness
    }

    struct Check {
        let name: String
        let kind: Kind
        let body: @Sendable () async -> HealthStatus
        /// Runs that were given up but have not returned.
        var overdue = 0
    }

    private struct State {
        var checks: [String: Check] = [:]
        var isDraining = false
    }

    private let state = Locked(State())
    private let timeout: Duration
    private let time: TimeSource

    /// - Parameter timeout: how long one check may take.
    public init(timeout: Duration = .seconds(2), time: TimeSource = .continuous) {
        self.timeout = timeout
        self.time = time
    }

    /// Adds a check, in place of one of the same name.
    public func register(
        _ name: String, kind: Kind = .readiness, check: @escaping @Sendable () async -> HealthStatus
    ) {
        state.withLock { $0.checks[name] = Check(name: name, kind: kind, body: check) }
    }

    public func unregister(_ name: String) {
        state.withLock { $0.checks[name] = nil }
    }

    /// From now on this service is not ready, whatever its checks say: it is going to stop.
    public func beginDraining() {
        state.withLock { $0.isDraining = true }
    }

    public var isDraining: Bool { state.withLock { $0.isDraining } }

    /// Runs the checks of `kind` side by side.
    public func report(_ kind: Kind) async -> HealthReport {
        let (checks, isDraining) = state.withLock { state in
            (state.checks.values.filter { $0.kind == kind }.sorted { $0.name < $1.name }, state.isDraining)
        }
        var entries: [HealthReport.Entry] = []
        if isDraining, kind == .readiness {
            entries.append(HealthReport.Entry(name: "draining", status: .down("the service is stopping"), took: .zero))
        }
        await withTaskGroup(of: HealthReport.Entry.self) { group in
            for check in checks {
                group.addTask { await self.run(check) }
            }
            for await entry in group { entries.append(entry) }
        }
        return HealthReport(kind: kind, entries: entries.sorted { $0.name < $1.name })
    }

    private func run(_ check: Check) async -> HealthReport.Entry {
        let start = time.now()
        guard check.overdue == 0 else {
            return HealthReport.Entry(
                name: check.name, status: .down("an earlier run has still not returned"), took: .zero)
        }
        let status = await race(check)
        return HealthReport.Entry(name: check.name, status: status, took: time.now() - start)
    }

    /// Unstructured on purpose: a check that ignores cancellation must not hold up the answer.
    private func race(_ check: Check) async -> HealthStatus {
        let answer = Signal<HealthStatus>()
        let timer = Task { [time, timeout] in
            guard (try? await time.sleep(for: timeout)) != nil else { return }
            self.note(check.name, overdue: 1)
            if !answer.settle(.success(.down("no answer within \(timeout)"))) { self.note(check.name, overdue: -1) }
        }
        Task {
            let status = await check.body()
            timer.cancel()
            if !answer.settle(.success(status)) { self.note(check.name, overdue: -1) }
        }
        return (try? await answer.value) ?? .down("nobody waited for the answer")
    }

    private func note(_ name: String, overdue change: Int) {
        state.withLock { state in
            guard var check = state.checks[name] else { return }
            check.overdue = max(0, check.overdue + change)
            state.checks[name] = check
        }
    }
}
