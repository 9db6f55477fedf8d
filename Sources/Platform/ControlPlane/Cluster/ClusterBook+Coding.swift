import ApusEtcdAPI
import ApusGRPC
import ApusKV
import ApusNode
import ApusPrimitives
import ApusRaft

enum ClusterCommand: Hashable, Sendable {
    /// A member has started and says what it is called and where clients find it.
    case publish(UInt64, name: String, clientURLs: [String])
    case add(ClusterBook.Member)
    case remove(UInt64)
    case update(UInt64, peerURLs: [String])
    /// A learner votes from now on.
    case promote(UInt64)
    /// The cluster is being brought back to this version, or to none any more.
    case downgrade(to: String?)
}

enum ClusterResponse: Hashable, Sendable {
    case published
    /// As they are after the change.
    case members([ClusterBook.Member])
}

extension ClusterBook {
    private static let formatVersion: UInt8 = 1

    func encode(to writer: inout ByteWriter) {
        writer.write(Self.formatVersion)
        writer.writeVariable(UInt64(members.count))
        for member in members { writer.write(member) }
        writer.writeVariable(UInt64(removed.count))
        for id in removed { writer.writeVariable(id) }
        writer.write(downgradeTarget.map { [$0] } ?? [])
    }

    init(from reader: inout ByteReader) throws {
        guard try reader.read(UInt8.self) == Self.formatVersion else {
            throw ByteReader.Malformed(offset: reader.offset - 1, expected: "a book of members of a known version")
        }
        var members: [Member] = []
        for _ in 0..<(try reader.readCount()) { members.append(try reader.readMember()) }
        self.init(members)
        for _ in 0..<(try reader.readCount()) { removed.append(try reader.readVariable(UInt64.self)) }
        downgradeTarget = try reader.readStrings().first
    }
}

extension ClusterCommand {
    private enum Tag: UInt8 {
        case publish = 1
        case add
        case remove
        case update
        case promote
        case downgrade
    }

    func encode(to writer: inout ByteWriter) {
        switch self {
        case .publish(let id, let name, let clientURLs):
            writer.write(Tag.publish.rawValue)
            writer.writeVariable(id)
            writer.write(name)
            writer.write(clientURLs)
        case .add(let member):
            writer.write(Tag.add.rawValue)
            writer.write(member)
        case .remove(let id):
            writer.write(Tag.remove.rawValue)
            writer.writeVariable(id)
        case .update(let id, let peerURLs):
            writer.write(Tag.update.rawValue)
            writer.writeVariable(id)
            writer.write(peerURLs)
        case .promote(let id):
            writer.write(Tag.promote.rawValue)
            writer.writeVariable(id)
        case .downgrade(let version):
            writer.write(Tag.downgrade.rawValue)
            writer.write(version.map { [$0] } ?? [])
        }
    }

    init(from reader: inout ByteReader) throws {
        guard let tag = Tag(rawValue: try reader.read()) else {
            throw ByteReader.Malformed(offset: reader.offset - 1, expected: "a command about members")
        }
        switch tag {
        case .publish:
            self = .publish(
                try reader.readVariable(), name: try reader.readString(), clientURLs: try reader.readStrings())
        case .add: self = .add(try reader.readMember())
        case .remove: self = .remove(try reader.readVariable())
        case .update: self = .update(try reader.readVariable(), peerURLs: try reader.readStrings())
        case .promote: self = .promote(try reader.readVariable())
        case .downgrade: self = .downgrade(to: try reader.readStrings().first)
        }
    }
}

extension ByteWriter {
    mutating func write(_ texts: [String]) {
        writeVariable(UInt64(texts.count))
        for text in texts { write(text) }
    }

    fileprivate mutating func write(_ member: ClusterBook.Member) {
        writeVariable(member.id)
        write(member.name)
        write(member.peerURLs)
        write(member.clientURLs)
        write(member.isLearner ? 1 as UInt8 : 0)
    }
}

extension ByteReader {
    mutating func readStrings() throws -> [String] {
        var texts: [String] = []
        for _ in 0..<(try readCount()) { texts.append(try readString()) }
        return texts
    }

    fileprivate mutating func readMember() throws -> ClusterBook.Member {
        ClusterBook.Member(
            id: try readVariable(), name: try readString(), peerURLs: try readStrings(),
            clientURLs: try readStrings(), isLearner: try readBool())
    }
}
