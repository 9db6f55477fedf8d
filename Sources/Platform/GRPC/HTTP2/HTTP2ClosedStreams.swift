/// Remembers how the last streams ended, because RFC 9113, section 5.1 treats a late frame accordingly. Bounded: a
/// stream that closed before `capacity` others did counts as never opened.
struct HTTP2ClosedStreams: Sendable {
    enum Ending: UInt8, Sendable {
        /// The peer had sent END_STREAM or RST_STREAM: it knows that it may send nothing.
        case byPeer
        /// We sent RST_STREAM: what crossed it on the wire is ignored.
        case byUs
    }

    static let capacity = 256

    private var ring: [(id: UInt32, ending: Ending)] = []
    private var next = 0

    mutating func add(_ id: UInt32, _ ending: Ending) {
        if ring.count < Self.capacity {
            ring.append((id, ending))
        } else {
            ring[next] = (id, ending)
            next = (next + 1) % Self.capacity
        }
    }

    func ending(of id: UInt32) -> Ending? {
        ring.last { $0.id == id }?.ending
    }
}
