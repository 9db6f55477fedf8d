/// How much it matters that a request is answered, when not all of them can be.
///
/// Set once, at the edge, where it is known who asks and for what; it then travels unchanged: `current` follows the tree
/// of tasks, the header follows the request to the next service. An edge that does not trust its callers sets its own.
public enum RequestPriority: UInt8, Hashable, Comparable, Sendable, CaseIterable {
    /// May be refused first: a prefetch, a probe of a crawler.
    case sheddable
    /// Nobody waits for it: a batch, a replication, a report.
    case background
    /// What says nothing else.
    case normal
    /// Somebody loses money or data without it: a payment, a health check.
    case critical

    /// The priority of the work that the current task does.
    @TaskLocal public static var current = RequestPriority.normal

    @inlinable
    public static func < (left: Self, right: Self) -> Bool {
        left.rawValue < right.rawValue
    }
}

extension RequestPriority: CustomStringConvertible {
    public var description: String {
        switch self {
        case .sheddable: "sheddable"
        case .background: "background"
        case .normal: "normal"
        case .critical: "critical"
        }
    }
}

/// How a priority travels: by its name, so that a new one in between changes no other.
extension RequestPriority {
    public static let headerName = "apus-priority"

    public var headerValue: String { description }

    /// Reads exactly what `headerValue` writes; nil for anything else, which is best taken as `.normal`.
    public init?(headerValue: some StringProtocol) {
        switch headerValue {
        case "sheddable": self = .sheddable
        case "background": self = .background
        case "normal": self = .normal
        case "critical": self = .critical
        default: return nil
        }
    }
}
