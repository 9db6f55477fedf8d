/// Why the store refused a request. A refused request has changed nothing.
public struct KVError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kinds there are today; more may come.
    public struct Code: RawRepresentable, Hashable, Sendable {
        public let rawValue: String

        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        public static let emptyKey = Code(rawValue: "emptyKey")
        /// `ignoreValue` or `ignoreLease` on a key that is absent.
        public static let keyNotFound = Code(rawValue: "keyNotFound")
        public static let valueProvided = Code(rawValue: "valueProvided")
        public static let leaseProvided = Code(rawValue: "leaseProvided")
        public static let tooManyOperations = Code(rawValue: "tooManyOperations")
        public static let duplicateKey = Code(rawValue: "duplicateKey")
        public static let compacted = Code(rawValue: "compacted")
        public static let futureRevision = Code(rawValue: "futureRevision")
        public static let leaseNotFound = Code(rawValue: "leaseNotFound")
        public static let leaseExists = Code(rawValue: "leaseExists")
        public static let leaseTTLTooLarge = Code(rawValue: "leaseTTLTooLarge")
        /// A watch on a range that no key can be in.
        public static let emptyRange = Code(rawValue: "emptyRange")
        /// Bytes that no command or snapshot of a version known here was encoded to.
        public static let malformed = Code(rawValue: "malformed")
    }

    public let code: Code
    /// For a person; etcd's text where etcd has one.
    public let message: String
    /// With `compacted`: the first revision that can still be read.
    public let compactRevision: Revision?

    public init(code: Code, message: String, compactRevision: Revision? = nil) {
        self.code = code
        self.message = message
        self.compactRevision = compactRevision
    }

    public var description: String { message }

    static let emptyKey = KVError(code: .emptyKey, message: "etcdserver: key is not provided")
    static let keyNotFound = KVError(code: .keyNotFound, message: "etcdserver: key not found")
    static let valueProvided = KVError(code: .valueProvided, message: "etcdserver: value is provided")
    static let leaseProvided = KVError(code: .leaseProvided, message: "etcdserver: lease is provided")
    static let tooManyOperations = KVError(
        code: .tooManyOperations, message: "etcdserver: too many operations in txn request")
    static let duplicateKey = KVError(
        code: .duplicateKey, message: "etcdserver: duplicate key given in txn request")
    static let futureRevision = KVError(
        code: .futureRevision, message: "etcdserver: mvcc: required revision is a future revision")
    static let leaseNotFound = KVError(code: .leaseNotFound, message: "etcdserver: requested lease not found")
    static let leaseExists = KVError(code: .leaseExists, message: "etcdserver: lease already exists")
    static let leaseTTLTooLarge = KVError(code: .leaseTTLTooLarge, message: "etcdserver: too large lease TTL")
    static let emptyRange = KVError(code: .emptyRange, message: "mvcc: watcher range is empty")

    static func compacted(_ revision: Revision) -> KVError {
        KVError(
            code: .compacted, message: "etcdserver: mvcc: required revision has been compacted",
            compactRevision: revision)
    }

    static func malformed(_ what: String) -> KVError {
        KVError(code: .malformed, message: what)
    }
}
