/// Which requests go to which service.
///
/// Among the routes whose path matches, an exact one comes before a prefix, a longer prefix before a shorter one, and of
/// equal ones the first that takes the method.
public struct GatewayRoute: Sendable, Hashable {
    public enum Match: Sendable, Hashable {
        /// This path and no other.
        case exact(String)
        /// This path and everything below it: `/users` takes `/users` and `/users/7`, and not `/usersx`.
        case prefix(String)
    }

    public var match: Match
    /// The name under which the instances are registered.
    public var service: String
    /// The methods that the route takes; nil means all. Others are answered with 405.
    public var methods: [String]?
    /// How long the answer may take to begin, counted from the end of the request's head. A shorter `apus-timeout-ms` of
    /// the client is honoured.
    public var timeout: Duration
    /// How many instances are tried at most, at least 1.
    public var maxAttempts: Int

    public init(
        _ match: Match, to service: String, methods: [String]? = nil, timeout: Duration = .seconds(10),
        maxAttempts: Int = 3
    ) {
        self.match = match
        self.service = service
        self.methods = methods
        self.timeout = timeout
        self.maxAttempts = max(1, maxAttempts)
    }

    /// The path without the kind of match.
    var path: String {
        switch match {
        case .exact(let path), .prefix(let path): path
        }
    }
}
