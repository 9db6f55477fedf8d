import ApusEtcdAPI
import ApusGRPC

/// What `/livez` and `/readyz` look at, as etcd has them since 3.5.11.
enum ReadinessCheck: String, CaseIterable, Sendable {
    /// No member holds other data than the rest.
    case dataCorruption = "data_corruption"
    /// This member reads what it has.
    case serializableRead = "serializable_read"
    /// A majority is there.
    case linearizableRead = "linearizable_read"
    case nonLearner = "non_learner"

    /// The checks of a path; nil for another path.
    static func named(by path: String) -> [ReadinessCheck]? {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        let checks: [ReadinessCheck]
        switch parts.first {
        case "livez": checks = [.serializableRead]
        case "readyz": checks = allCases
        default: return nil
        }
        guard let name = parts.dropFirst().first else { return checks }
        guard parts.count == 2, let check = checks.first(where: { $0.rawValue == name }) else { return nil }
        return [check]
    }

    /// - Throws: what is wrong.
    func run(_ core: ControlCore) async throws {
        switch self {
        case .dataCorruption:
            let alarms = try await core.read(linearizable: false) { $0.alarms.names }
            if alarms.contains("CORRUPT") { throw EtcdError(.dataLoss, "alarm activated: CORRUPT") }
        case .serializableRead: try await core.read(linearizable: false) { _ in }
        case .linearizableRead: try await core.read(linearizable: true) { _ in }
        case .nonLearner:
            let isLearner = try await core.read(linearizable: false) { $0.cluster[core.memberID]?.isLearner == true }
            if isLearner { throw EtcdError(.failedPrecondition, "not supported for learner") }
        }
    }
}
