/// Why a control-plane node could not start, or ended.
public struct ControlPlaneError: Error, Sendable, CustomStringConvertible {
    /// The kinds there are today; more may come.
    public struct Code: RawRepresentable, Hashable, Sendable {
        public let rawValue: String

        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// A setting is wrong, or two contradict each other: correct it and start again.
        public static let badSettings = Code(rawValue: "bad settings")
        /// The data folder belongs to another member or another cluster, or is damaged.
        public static let badData = Code(rawValue: "bad data")
        /// The cluster to join could not be asked, or does not know this member.
        public static let cannotJoin = Code(rawValue: "cannot join")
    }

    public let code: Code
    /// For a person.
    public let message: String
    public let cause: (any Error)?

    public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    static func badSettings(_ message: String) -> ControlPlaneError { ControlPlaneError(.badSettings, message) }

    public var description: String { cause.map { "\(message): \($0)" } ?? message }
}
