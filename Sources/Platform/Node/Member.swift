import ApusPrimitives
public import ApusRaft

/// A node of a cluster and where it listens for the others.
public struct Member: Hashable, Sendable, CustomStringConvertible {
    public let id: NodeID
    /// What the transport takes: `host:port` for TCP.
    public let address: String

    public init(_ id: NodeID, at address: String = "") {
        self.id = id
        self.address = address
    }

    public var description: String { address.isEmpty ? "\(id)" : "\(id) at \(address)" }
}

/// The addresses of members, and who was one: what a change of members carries in its context, and a snapshot in its head.
struct MemberBook: Hashable, Sendable {
    /// Removed members that are remembered, the last ones.
    static let maximumRemoved = 10_000

    private(set) var members: [NodeID: String] = [:]
    /// In the order of their removal. Only in the book of what is applied; a change's context has none.
    private(set) var removed: [NodeID] = []

    init(_ members: some Sequence<Member> = []) {
        for member in members { self.members[member.id] = member.address }
    }

    subscript(id: NodeID) -> Member? {
        members[id].map { Member(id, at: $0) }
    }

    /// In ascending order of id.
    var sorted: [Member] {
        members.sorted { $0.key < $1.key }.map { Member($0.key, at: $0.value) }
    }

    /// Takes over what `other` knows better. Returns whether that was news.
    @discardableResult
    mutating func learn(_ other: MemberBook) -> Bool {
        let before = members
        members.merge(other.members) { _, new in new }
        return members != before
    }

    /// They never come back.
    mutating func remove(_ ids: [NodeID]) {
        removed += ids
        removed.removeFirst(max(0, removed.count - Self.maximumRemoved))
    }

    /// Forgets whoever is not among `ids`.
    mutating func keep(_ ids: [NodeID]) {
        members = members.filter { ids.contains($0.key) }
    }

    func encoded() -> Bytes {
        var writer = ByteWriter()
        writer.write(Self.version)
        writer.writeVariable(UInt64(members.count))
        for member in sorted {
            writer.writeVariable(member.id.rawValue)
            writer.write(member.address)
        }
        for id in removed { writer.writeVariable(id.rawValue) }
        return Bytes(writer.bytes)
    }

    /// Nil when `context` is not what `encoded` made: an application may have put something else there.
    init?(decoding context: Bytes) {
        var reader = ByteReader(context.array)
        var members: [NodeID: String] = [:]
        var removed: [NodeID] = []
        do {
            guard try reader.read(UInt8.self) == Self.version else { return nil }
            let count = try reader.readVariable(UInt64.self)
            guard count <= UInt64(reader.remaining) else { return nil }
            for _ in 0..<count { members[NodeID(try reader.readVariable(UInt64.self))] = try reader.readString() }
            while reader.remaining > 0 { removed.append(NodeID(try reader.readVariable(UInt64.self))) }
        } catch {
            return nil
        }
        self.members = members
        self.removed = removed
    }

    private static let version: UInt8 = 1
}
