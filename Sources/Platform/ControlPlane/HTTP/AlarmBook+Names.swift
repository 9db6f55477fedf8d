extension AlarmBook {
    /// The alarms that are raised, by etcd's names.
    var names: [String] { AlarmKind.allCases.filter(isRaised).map(\.name) }
}

extension AlarmKind {
    var name: String {
        switch self {
        case .noSpace: "NOSPACE"
        case .corrupt: "CORRUPT"
        }
    }
}
