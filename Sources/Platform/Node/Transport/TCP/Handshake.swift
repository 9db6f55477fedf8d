import ApusPrimitives
import ApusRaft

/// What a connection carries.
enum Lane: UInt8 {
    case messages = 1
    /// Pieces of snapshots, which would hold up heartbeats.
    case snapshots = 2
    /// Requests to the leader and their answers, which messages would hold up.
    case calls = 3
    /// Somebody who is to join asks what cluster this is; the answer follows the welcome, and ends the connection.
    case inquiry = 4
}

/// The first frame on a connection, from who opened it.
struct Hello: Equatable {
    static let magic = Bytes("ApusRaft")
    static let version: UInt8 = 1
    /// Longer ones are refused before anything is read into them.
    static let maximumBytes = 4 << 10

    let cluster: String
    let from: NodeID
    let to: NodeID
    let lane: Lane
    /// Where `from` listens.
    let address: String

    func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.write(raw: Self.magic.array)
        writer.write(Self.version)
        writer.write(lane.rawValue)
        writer.writeVariable(from.rawValue)
        writer.writeVariable(to.rawValue)
        writer.write(cluster)
        writer.write(address)
        return writer.bytes
    }

    /// - Throws: `NodeError` `.wrongPeer`, with the reason.
    init(decoding bytes: [UInt8]) throws {
        do {
            var reader = ByteReader(bytes)
            guard Bytes(try reader.read(raw: Self.magic.count)) == Self.magic else {
                throw NodeError(.wrongPeer, "it does not speak this protocol")
            }
            let version = try reader.read(UInt8.self)
            guard version == Self.version else {
                throw NodeError(.wrongPeer, "it speaks version \(version) of the protocol, this node \(Self.version)")
            }
            guard let lane = Lane(rawValue: try reader.read(UInt8.self)) else {
                throw NodeError(.wrongPeer, "a connection for an unknown purpose")
            }
            self.lane = lane
            from = NodeID(try reader.readVariable(UInt64.self))
            to = NodeID(try reader.readVariable(UInt64.self))
            cluster = try reader.readString()
            address = try reader.readString()
        } catch let error as ByteReader.Malformed {
            throw NodeError(.wrongPeer, "a greeting that can't be read", cause: error)
        }
    }

    init(cluster: String, from: NodeID, to: NodeID, lane: Lane, address: String) {
        self.cluster = cluster
        self.from = from
        self.to = to
        self.lane = lane
        self.address = address
    }
}

/// The only frame in the other direction: the answer to a greeting.
struct Welcome: Equatable {
    /// Why the connection is refused; nil: welcome.
    let refusal: String?
    /// The one who connects was removed from the cluster, for good.
    let isRemoved: Bool

    private enum Verdict: UInt8 {
        case refused = 0
        case welcome = 1
        case removed = 2
    }

    private var verdict: Verdict { isRemoved ? .removed : refusal == nil ? .welcome : .refused }

    func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.write(raw: Hello.magic.array)
        writer.write(Hello.version)
        writer.write(verdict.rawValue)
        writer.write(refusal ?? "")
        return writer.bytes
    }

    init(refusal: String? = nil, isRemoved: Bool = false) {
        self.refusal = refusal
        self.isRemoved = isRemoved
    }

    /// - Throws: `NodeError` `.wrongPeer`.
    init(decoding bytes: [UInt8]) throws {
        do {
            var reader = ByteReader(bytes)
            guard Bytes(try reader.read(raw: Hello.magic.count)) == Hello.magic else {
                throw NodeError(.wrongPeer, "it does not speak this protocol")
            }
            let version = try reader.read(UInt8.self)
            let verdict = Verdict(rawValue: try reader.read(UInt8.self)) ?? .refused
            let text = try reader.readString()
            guard version == Hello.version || verdict != .welcome else {
                throw NodeError(.wrongPeer, "it answers in version \(version) of the protocol")
            }
            refusal = verdict == .welcome ? nil : text
            isRemoved = verdict == .removed
        } catch let error as ByteReader.Malformed {
            throw NodeError(.wrongPeer, "an answer that can't be read", cause: error)
        }
    }
}
