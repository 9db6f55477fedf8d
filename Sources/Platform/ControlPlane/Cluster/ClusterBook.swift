import ApusEtcdAPI
import ApusPrimitives

/// Who is a member, and what is known of each.
struct ClusterBook: Hashable, Sendable {
    struct Member: Hashable, Sendable {
        var id: UInt64
        /// Empty until the member has started.
        var name: String
        var peerURLs: [String]
        var clientURLs: [String] = []
        var isLearner = false
    }

    /// In ascending order of id.
    private(set) var members: [Member]

    init(_ members: [Member] = []) {
        self.members = members.sorted { $0.id < $1.id }
    }

    subscript(id: UInt64) -> Member? { members.first { $0.id == id } }

    mutating func apply(_ command: ClusterCommand) throws(EtcdError) -> ClusterResponse {
        switch command {
        case .publish(let id, let name, let clientURLs):
            guard let position = members.firstIndex(where: { $0.id == id }) else { throw .memberNotFound }
            members[position].name = name
            members[position].clientURLs = clientURLs
            return .published
        }
    }

    func encode(to writer: inout ByteWriter) {
        writer.writeVariable(UInt64(members.count))
        for member in members {
            writer.writeVariable(member.id)
            writer.write(member.name)
            writer.write(member.peerURLs)
            writer.write(member.clientURLs)
            writer.write(UInt8(member.isLearner ? 1 : 0))
        }
    }

    init(from reader: inout ByteReader) throws {
        var members: [Member] = []
        for _ in 0..<(try reader.readVariable(UInt64.self)) {
            members.append(
                Member(
                    id: try reader.readVariable(UInt64.self), name: try reader.readString(),
                    peerURLs: try reader.readStrings(), clientURLs: try reader.readStrings(),
                    isLearner: try reader.read(UInt8.self) == 1))
        }
        self.init(members)
    }
}

enum ClusterCommand: Hashable, Sendable {
    /// A member has started and says what it is called and where clients find it.
    case publish(UInt64, name: String, clientURLs: [String])

    func encode(to writer: inout ByteWriter) {
        switch self {
        case .publish(let id, let name, let clientURLs):
            writer.write(UInt8(1))
            writer.writeVariable(id)
            writer.write(name)
            writer.write(clientURLs)
        }
    }

    init(from reader: inout ByteReader) throws {
        guard try reader.read(UInt8.self) == 1 else {
            throw ByteReader.Malformed(offset: reader.offset - 1, expected: "a command about members")
        }
        self = .publish(
            try reader.readVariable(UInt64.self), name: try reader.readString(), clientURLs: try reader.readStrings())
    }
}

enum ClusterResponse: Hashable, Sendable {
    case published
}

extension ByteWriter {
    mutating func write(_ texts: [String]) {
        writeVariable(UInt64(texts.count))
        for text in texts { write(text) }
    }
}

extension ByteReader {
    mutating func readStrings() throws -> [String] {
        var texts: [String] = []
        for _ in 0..<(try readVariable(UInt64.self)) { texts.append(try readString()) }
        return texts
    }
}
