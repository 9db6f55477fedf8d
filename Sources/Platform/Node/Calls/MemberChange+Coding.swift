import ApusPrimitives
import ApusRaft

extension MemberChange {
    private enum Tag: UInt8 {
        case addVoter = 1
        case addLearner = 2
        case promote = 3
        case update = 4
        case remove = 5
    }

    static func encode(_ changes: [MemberChange]) -> [UInt8] {
        var writer = ByteWriter()
        writer.writeVariable(UInt64(changes.count))
        for change in changes {
            switch change {
            case .addVoter(let member): write(.addVoter, member, to: &writer)
            case .addLearner(let member): write(.addLearner, member, to: &writer)
            case .promote(let id): write(.promote, Member(id), to: &writer)
            case .update(let member): write(.update, member, to: &writer)
            case .remove(let id): write(.remove, Member(id), to: &writer)
            }
        }
        return writer.bytes
    }

    private static func write(_ tag: Tag, _ member: Member, to writer: inout ByteWriter) {
        writer.write(tag.rawValue)
        writer.writeVariable(member.id.rawValue)
        writer.write(member.address)
    }

    /// - Throws: `NodeError` `.invalidRequest`.
    static func decode(_ bytes: [UInt8]) throws(NodeError) -> [MemberChange] {
        var reader = ByteReader(bytes)
        var changes: [MemberChange] = []
        do {
            for _ in 0..<(try reader.readVariable(UInt64.self)) {
                let tag = Tag(rawValue: try reader.read())
                let member = Member(NodeID(try reader.readVariable(UInt64.self)), at: try reader.readString())
                switch tag {
                case .addVoter: changes.append(.addVoter(member))
                case .addLearner: changes.append(.addLearner(member))
                case .promote: changes.append(.promote(member.id))
                case .update: changes.append(.update(member))
                case .remove: changes.append(.remove(member.id))
                case nil: throw NodeError(.invalidRequest, "a change of members that this node does not know")
                }
            }
        } catch {
            throw error as? NodeError
                ?? NodeError(.invalidRequest, "a change of members that can't be read", cause: error)
        }
        return changes
    }
}
