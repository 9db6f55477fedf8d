/// A send that a closed channel refused. Nothing was sent, and no later send will be accepted: stop producing, or make
/// a new channel.
public struct ChannelClosed: Error, Sendable {
    /// The error of `close(throwing:)`; nil after a plain `close()`.
    public let cause: (any Error)?

    public init(cause: (any Error)? = nil) {
        self.cause = cause
    }
}

extension ChannelClosed: CustomStringConvertible {
    public var description: String {
        let reason = cause.map { " because of: \($0)" } ?? ""
        return "the channel is closed\(reason); nothing was sent, and it accepts nothing more: stop sending"
    }
}
