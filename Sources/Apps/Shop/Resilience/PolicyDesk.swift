import ApusCoordination
import ApusPrimitives
import ApusResilience
import Logging
import ServiceLifecycle

/// Keeps the resilience policies of this process as the config center says, while they are in use.
///
/// Each policy has one setting in the namespace `resilience`, its name: JSON with the parts that shall be other than they
/// were built, nothing by default. What is not valid is logged and changes nothing. Calls under way finish as they began,
/// and what the policies have learnt (windows, tokens, limits) stays.
final class PolicyDesk: Service {
    static let namespace = "resilience"

    private struct Seat {
        /// All of one name: each instance of a service has its own for what comes in.
        var policies: [Policy] = []
        /// The setting that was looked at last, valid or not.
        var text = ""
    }

    /// How one is set, without more of it than this needs.
    private struct Policy {
        let builtIn: ResiliencePolicy.Configuration
        let update: @Sendable (ResiliencePolicy.Configuration) -> Void
    }

    let center: ConfigCenter
    private let seats = Locked<[String: Seat]>([:])
    private let logger: Logger

    /// - Parameter names: every policy that there can be.
    init(store: any CoordinationStore, names: [String], time: TimeSource = .continuous, logger: Logger) {
        let defaults = Dictionary(names.map { ($0, SettingValue.string("")) }, uniquingKeysWith: { first, _ in first })
        center = ConfigCenter(store: store, namespace: Self.namespace, defaults: defaults, time: time, logger: logger)
        self.logger = logger
    }

    /// Takes care of a policy from now on. It is as built until the store was read.
    func add(_ policy: ResiliencePolicy, as name: String) {
        add(name, builtIn: policy.configuration) { policy.update($0) }
    }

    /// The same for whatever else is set like a policy.
    func add(
        _ name: String, builtIn: ResiliencePolicy.Configuration,
        update: @escaping @Sendable (ResiliencePolicy.Configuration) -> Void
    ) {
        seats.withLock { seats in
            seats[name, default: Seat()].policies.append(Policy(builtIn: builtIn, update: update))
            // So that the new one is told what the others know.
            seats[name]?.text = ""
        }
        apply(name)
    }

    /// Why a setting cannot be; nil when it can.
    func flaw(of text: String, for name: String) -> String? {
        let builtIn = seats.withLock { $0[name]?.policies.first?.builtIn } ?? .standard
        do throws(PolicyFlaw) {
            _ = try builtIn.changed(by: text)
            return nil
        } catch {
            return error.description
        }
    }

    /// Follows the config center until graceful shutdown or cancellation.
    func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            await withDiscardingTaskGroup { group in
                group.addTask { try? await self.center.run() }
                for await _ in center.changes() {
                    for entry in center.entries { apply(entry.key) }
                }
                group.cancelAll()
            }
        }
    }

    private func apply(_ name: String) {
        // Under the lock as a whole: the later setting must not be overtaken by the one before.
        let outcome = seats.withLock { seats -> (text: String, flaw: PolicyFlaw?)? in
            guard case .string(let text) = center.value(for: name), let seat = seats[name], seat.text != text else {
                return nil
            }
            seats[name]?.text = text
            do throws(PolicyFlaw) {
                for policy in seat.policies { policy.update(try policy.builtIn.changed(by: text)) }
                return (text, nil)
            } catch {
                return (text, error)
            }
        }
        guard let outcome else { return }
        var metadata: Logger.Metadata = ["policy": "\(name)", "setting": "\(outcome.text.prefix(1000))"]
        if let flaw = outcome.flaw {
            metadata["reason"] = "\(flaw)"
            logger.error(
                "a resilience policy's setting is refused: the policy stays as it is", metadata: metadata)
        } else {
            logger.notice("a resilience policy is changed", metadata: metadata)
        }
    }
}
