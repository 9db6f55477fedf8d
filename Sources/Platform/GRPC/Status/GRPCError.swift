import ApusResilience
public import SwiftProtobuf

/// A call that did not end well: what a handler throws to answer with a status, and what a client throws.
///
/// Anything else that a handler throws is answered as `.unknown` with a message that gives nothing away; a
/// `CancellationError` as `.cancelled`, and a `ResilienceError` by its code.
public struct GRPCError: Error, Sendable {
    /// How far a call came, which decides whether it may be made again.
    public enum Reach: Hashable, Sendable {
        /// Nothing left this process.
        case notSent
        /// It was sent, and the server says that its application never saw it: REFUSED_STREAM, or above the last stream of a
        /// GOAWAY.
        case refused
        /// It was sent, and no answer came. It may have run, or may be running.
        case unknown
        /// This status is the server's answer.
        case answered
    }

    public var code: GRPCCode
    /// For a person. Sent percent-coded, so any text will do; at most `GRPCError.maximumMessageBytes` of it are sent.
    public var message: String
    /// Rich details, as in google.rpc.Status: any messages that the caller can decode by their type.
    public var details: [Google_Protobuf_Any]
    /// Sent with the status, and received with it: the trailers.
    public var metadata: GRPCMetadata
    /// How far the call came; of no meaning where a handler throws it.
    public var reach: Reach
    /// How long the server asked to wait before the next attempt; negative when it asks for none.
    public var retryPushback: Duration?
    /// The error underneath, when there is one. It is never sent.
    public var cause: (any Error)?

    /// More than this of a message is cut off on its way out: 4 KiB.
    public static let maximumMessageBytes = 4096

    public init(
        _ code: GRPCCode, _ message: String = "", details: [Google_Protobuf_Any] = [],
        metadata: GRPCMetadata = [:], cause: (any Error)? = nil
    ) {
        self.init(
            code, message, details: details, metadata: metadata, reach: .answered, retryPushback: nil, cause: cause)
    }

    init(
        _ code: GRPCCode, _ message: String, details: [Google_Protobuf_Any] = [], metadata: GRPCMetadata = [:],
        reach: Reach, retryPushback: Duration? = nil, cause: (any Error)? = nil
    ) {
        self.code = code
        self.message = message
        self.details = details
        self.metadata = metadata
        self.reach = reach
        self.retryPushback = retryPushback
        self.cause = cause
    }

    /// Whether the call may be made again whatever it does, because no application has seen it.
    public var mayRepeat: Bool { reach == .notSent || reach == .refused }

    /// Adds a detail that the caller can unpack with `Google_Protobuf_Any(unpackingAny:)`.
    ///
    /// - Throws: `SwiftProtobufError` when the message lacks a required field.
    public mutating func add(detail: some Message) throws {
        details.append(try Google_Protobuf_Any(message: detail))
    }

    /// The status that a handler's error is answered with.
    init(thrown error: any Error) {
        switch error {
        case let error as GRPCError:
            self = error
            // An error is not a success, whatever it says.
            if code == .ok { code = .unknown }
        case is CancellationError: self.init(.cancelled, "the call was cancelled", cause: error)
        case let error as ResilienceError:
            let code: GRPCCode =
                switch error.code {
                case .deadlineExceeded: .deadlineExceeded
                case .circuitOpen, .retriesExhausted: .unavailable
                default: .resourceExhausted
                }
            self.init(code, error.message, reach: .answered, retryPushback: error.retryAfter, cause: error)
        default: self.init(.unknown, "the method failed", cause: error)
        }
    }
}

extension GRPCError: CustomStringConvertible {
    public var description: String {
        var text = "\(code.name): \(message)"
        switch reach {
        case .notSent: text += " (not sent)"
        case .refused: text += " (refused before it ran; it may be repeated)"
        case .unknown: text += " (it may have run)"
        case .answered: break
        }
        if let cause { text += ", because: \(cause)" }
        return text
    }
}
