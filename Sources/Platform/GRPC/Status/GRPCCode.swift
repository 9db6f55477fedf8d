/// The code of a status: the seventeen of gRPC (grpc.github.io/grpc/core/md_doc_statuscodes.html), and whatever a peer sends.
public struct GRPCCode: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    public static let ok = GRPCCode(rawValue: 0)
    public static let cancelled = GRPCCode(rawValue: 1)
    public static let unknown = GRPCCode(rawValue: 2)
    public static let invalidArgument = GRPCCode(rawValue: 3)
    public static let deadlineExceeded = GRPCCode(rawValue: 4)
    public static let notFound = GRPCCode(rawValue: 5)
    public static let alreadyExists = GRPCCode(rawValue: 6)
    public static let permissionDenied = GRPCCode(rawValue: 7)
    public static let resourceExhausted = GRPCCode(rawValue: 8)
    public static let failedPrecondition = GRPCCode(rawValue: 9)
    public static let aborted = GRPCCode(rawValue: 10)
    public static let outOfRange = GRPCCode(rawValue: 11)
    public static let unimplemented = GRPCCode(rawValue: 12)
    public static let internalError = GRPCCode(rawValue: 13)
    public static let unavailable = GRPCCode(rawValue: 14)
    public static let dataLoss = GRPCCode(rawValue: 15)
    public static let unauthenticated = GRPCCode(rawValue: 16)

    static let names = [
        "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
        "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
        "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
    ]

    /// The name as the specification writes it, or the number of a code that it does not have.
    public var name: String {
        rawValue < UInt32(Self.names.count) ? Self.names[Int(rawValue)] : String(rawValue)
    }

    /// Reads the value of `grpc-status`; what is not a number is `.unknown`.
    init(header: some Sequence<UInt8>) {
        var value: UInt32 = 0
        var digits = 0
        for byte in header {
            guard (0x30...0x39).contains(byte), digits < 9 else {
                self = .unknown
                return
            }
            value = value * 10 + UInt32(byte - 0x30)
            digits += 1
        }
        self = digits == 0 ? .unknown : GRPCCode(rawValue: value)
    }

    /// What a response that is not gRPC means (gRPC's `http-grpc-status-mapping.md`).
    init(httpStatus: Int) {
        self =
            switch httpStatus {
            case 400: .internalError
            case 401: .unauthenticated
            case 403: .permissionDenied
            case 404: .unimplemented
            case 429, 502, 503, 504: .unavailable
            default: .unknown
            }
    }
}

extension GRPCCode: CustomStringConvertible {
    public var description: String { name }
}
