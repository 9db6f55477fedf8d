public import ApusGRPC

/// What etcd answers when it refuses: clients of every language compare both the code and the text.
public struct EtcdError: Error, Hashable, Sendable, CustomStringConvertible {
    public let code: GRPCCode
    /// Etcd's text, with its "etcdserver: ".
    public let message: String

    public init(_ code: GRPCCode, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }

    /// As a status on the wire.
    public var status: GRPCError { GRPCError(code, message) }

    private static func invalid(_ text: String) -> EtcdError { EtcdError(.invalidArgument, "etcdserver: \(text)") }
    private static func precondition(_ text: String) -> EtcdError {
        EtcdError(.failedPrecondition, "etcdserver: \(text)")
    }
    private static func unavailable(_ text: String) -> EtcdError { EtcdError(.unavailable, "etcdserver: \(text)") }

    public static let emptyKey = invalid("key is not provided")
    public static let keyNotFound = invalid("key not found")
    public static let valueProvided = invalid("value is provided")
    public static let leaseProvided = invalid("lease is provided")
    public static let tooManyOperations = invalid("too many operations in txn request")
    public static let duplicateKey = invalid("duplicate key given in txn request")
    public static let invalidSortOption = invalid("invalid sort option")
    public static let compacted = EtcdError(.outOfRange, "etcdserver: mvcc: required revision has been compacted")
    public static let futureRevision = EtcdError(
        .outOfRange, "etcdserver: mvcc: required revision is a future revision")
    public static let noSpace = EtcdError(.resourceExhausted, "etcdserver: mvcc: database space exceeded")

    public static let leaseNotFound = EtcdError(.notFound, "etcdserver: requested lease not found")
    public static let leaseExists = precondition("lease already exists")
    public static let leaseTTLTooLarge = EtcdError(.outOfRange, "etcdserver: too large lease TTL")

    public static let memberExists = precondition("member ID already exist")
    public static let peerURLExists = precondition("Peer URLs already exists")
    public static let notEnoughStartedMembers = precondition(
        "re-configuration failed due to not enough started members")
    public static let badMemberURLs = invalid("given member URLs are invalid")
    public static let memberNotFound = EtcdError(.notFound, "etcdserver: member not found")
    public static let memberNotLearner = precondition("can only promote a learner member")
    public static let learnerNotReady = precondition("can only promote a learner member which is in sync with leader")
    public static let tooManyLearners = precondition("too many learner members in cluster")

    public static let requestTooLarge = invalid("request is too large")
    public static let tooManyRequests = EtcdError(.resourceExhausted, "etcdserver: too many requests")

    public static let rootUserMissing = precondition("root user does not exist")
    public static let rootRoleMissing = precondition("root user does not have root role")
    public static let userExists = precondition("user name already exists")
    public static let userEmpty = invalid("user name is empty")
    public static let userNotFound = precondition("user name not found")
    public static let roleExists = precondition("role name already exists")
    public static let roleNotFound = precondition("role name not found")
    public static let roleEmpty = invalid("role name is empty")
    public static let authenticationFailed = invalid("authentication failed, invalid user ID or password")
    public static let permissionNotGiven = invalid("permission not given")
    public static let permissionDenied = EtcdError(.permissionDenied, "etcdserver: permission denied")
    public static let roleNotGranted = precondition("role is not granted to the user")
    public static let permissionNotGranted = precondition("permission is not granted to the role")
    public static let authNotEnabled = precondition("authentication is not enabled")
    public static let invalidAuthToken = EtcdError(.unauthenticated, "etcdserver: invalid auth token")
    public static let invalidAuthManagement = invalid("invalid auth management")
    public static let oldAuthRevision = invalid("revision of auth store is old")

    public static let noLeader = unavailable("no leader")
    public static let notLeader = precondition("not leader")
    public static let leaderChanged = unavailable("leader changed")
    public static let stopped = unavailable("server stopped")
    public static let timeout = unavailable("request timed out")
    public static let timeoutDueToLeaderFailure = unavailable(
        "request timed out, possibly due to previous leader failure")
    public static let timeoutDueToLostConnection = unavailable("request timed out, possibly due to connection lost")
    public static let unhealthy = unavailable("unhealthy cluster")
    public static let corrupt = EtcdError(.dataLoss, "etcdserver: corrupt cluster")
    public static let notSupportedForLearner = precondition("rpc not supported for learner")
    public static let badLeaderTransferee = precondition("bad leader transferee")
}
