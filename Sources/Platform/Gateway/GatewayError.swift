/// Why a gateway cannot run.
public struct GatewayError: Error, CustomStringConvertible {
    public struct Code: Hashable, Sendable {
        private let name: String

        /// The address cannot be listened on: it is in use, or not allowed.
        public static let cannotListen = Code(name: "cannotListen")
        /// `run` was called a second time.
        public static let alreadyRun = Code(name: "alreadyRun")
    }

    public let code: Code
    public let message: String
    public let cause: (any Error)?

    public var description: String { message + (cause.map { ": \($0)" } ?? "") }
}
