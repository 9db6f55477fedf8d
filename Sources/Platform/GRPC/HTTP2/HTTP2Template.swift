/// A list of fields that a connection was told of before, because it sends them again and again: `:status 200` and the
/// content type, the path and the authority of a method. Their block is encoded once and then copied.
public struct HTTP2Template: Hashable, Sendable {
    /// How many a connection knows at most.
    public static let maxCount = 512

    let index: Int32
}

/// A template's fields, and their block as long as it stays true.
struct HTTP2TemplateState: Sendable {
    let fields: HTTP2Headers
    var block: [UInt8] = []
    /// The generation of the encoder for which `block` holds.
    var generation: UInt32?
}
