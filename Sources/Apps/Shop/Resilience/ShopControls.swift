import ApusCoordination
import ApusObservability
import ApusResilience
import Logging
import ServiceLifecycle

/// What an operator can change in a shop that runs: settings, policies and, if it was started so, faults.
struct ShopControls: Sendable {
    let settings = SettingsDesk()
    let policies: PolicyDesk
    /// Nil in a shop that is not here to be disturbed.
    let faults: FaultDesk?
    private let logger: Logger

    init(store: any CoordinationStore, allowsFaults: Bool, logger: Logger) {
        policies = PolicyDesk(store: store, names: ShopPolicies.names, logger: logger)
        faults = allowsFaults ? FaultDesk(store: store, logger: logger) : nil
        self.logger = logger
        settings.add(policies.center) { [policies] key, text in policies.flaw(of: text, for: key) }
        if let faults { settings.add(faults.center) { _, text in FaultDesk.flaw(of: text) } }
    }

    /// What has to run before the services do.
    var services: [any Service] { [policies] + (faults.map { [$0 as any Service] } ?? []) }

    /// - Parameter title: in errors and metrics; nil for the name of its setting.
    func policy(
        _ name: String, _ configuration: ResiliencePolicy.Configuration, title: String? = nil
    ) -> ResiliencePolicy {
        let title = title ?? name
        let metrics = PolicyMetrics(title, logger: logger)
        let policy = ResiliencePolicy(title, configuration, onEvent: metrics.record)
        policies.add(policy, as: name)
        return policy
    }
}
