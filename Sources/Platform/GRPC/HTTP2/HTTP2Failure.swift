/// Why a connection ended, or why a stream was reset by us.
public struct HTTP2Failure: Error, Hashable, Sendable, CustomStringConvertible {
    /// What the peer is told in GOAWAY or RST_STREAM.
    public var code: HTTP2ErrorCode
    /// One line for a person: the rule that was broken, with its section, or the bound that was passed, with its name.
    public var reason: String

    public init(_ code: HTTP2ErrorCode, _ reason: String) {
        self.code = code
        self.reason = reason
    }

    public var description: String { "\(code): \(reason)" }
}

/// Why a client cannot open a stream now. Nothing was sent.
public enum HTTP2OpenRefusal: Error, Hashable, Sendable {
    /// As many streams are open as the peer allows: open one when another has closed.
    case tooManyStreams
    /// The peer or this side has begun to shut down, or the connection has ended: use another connection.
    case goingAway
    /// All 2³⁰ stream numbers have been used: use another connection.
    case outOfStreams
}
