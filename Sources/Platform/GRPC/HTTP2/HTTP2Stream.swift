/// A stream of one connection, as events name it and calls take it.
///
/// `slot` is small and dense (below the number of streams open at once) and stays the same until the stream's
/// `closed` event has been taken, so that whoever keeps something for each stream can keep it in an array. A handle that
/// outlives its stream is harmless: `id` is never used twice, and calls with it do nothing.
public struct HTTP2Stream: Hashable, Sendable {
    /// The stream's number on the wire: odd, opened by the client.
    public let id: UInt32
    /// The index of what is kept for the stream.
    public let slot: Int32

    @inlinable
    init(id: UInt32, slot: Int32) {
        self.id = id
        self.slot = slot
    }
}

/// Which side of a connection a state machine is.
public enum HTTP2Role: Sendable {
    case client
    case server
}
