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
        var policies: [(policy: ResiliencePolicy, builtIn: ResiliencePolicy.Configuration)] = []
        /// The setting that was looked at last, valid or not.
        var text = ""
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
        let builtIn = policy.configuration
        seats.withLock { seats in
            seats[name, default: Seat()].policies.append((policy, builtIn))
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
        guard case .string(let text) = center.value(for: name) else { return }
        let policies = seats.withLock {
            seats -> [(policy: ResiliencePolicy, builtIn: ResiliencePolicy.Configuration)] in
            guard let seat = seats[name], seat.text != text else { return [] }
            seats[name]?.text = text
            return seat.policies
        }
        do throws(PolicyFlaw) {
            for (policy, builtIn) in policies { policy.update(try builtIn.changed(by: text)) }
            if !policies.isEmpty {
                logger.notice(
                    "a resilience policy is changed",
                    metadata: ["policy": "\(name)", "setting": "\(text.prefix(1000))"])
            }
        } catch {
            logger.error(
                "a resilience policy's setting is refused: the policy stays as it is",
                metadata: ["policy": "\(name)", "reason": "\(error)", "setting": "\(text.prefix(1000))"])
        }
    }
}
