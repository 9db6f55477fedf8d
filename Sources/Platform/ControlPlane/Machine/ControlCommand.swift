import ApusKV
import ApusPrimitives
import ApusRaft

/// A change of what the cluster replicates, as its log records it.
enum ControlCommand: Sendable {
    case kv(Command, Caller?)
    case auth(AuthCommand, Caller?)
    case member(ClusterCommand)
    case alarm(AlarmCommand)
    /// A lease's time is over, as the leader of that term counted it. In the term of another, who began the lease anew, it means
    /// nothing.
    case expire(LeaseID, Term)
}

/// Who asks; looked at again when the command is applied, as in etcd: rights may have changed in between.
struct Caller: Hashable, Sendable {
    var user: String
    /// The revision of the users and roles that the caller was authenticated at; 0: by a certificate, at any.
    var authRevision: UInt64
}

extension ControlCommand {
    /// The first byte of every encoded command. Nodes refuse versions that they do not know, all alike.
    static let formatVersion: UInt8 = 1

    private enum Tag: UInt8 {
        case kv = 1
        case auth = 2
        case member = 3
        case alarm = 4
        case expire = 5
    }

    func encoded() -> [UInt8] {
        var writer = ByteWriter(reservingCapacity: 128)
        writer.write(Self.formatVersion)
        switch self {
        case .kv(let command, let caller):
            writer.write(Tag.kv.rawValue)
            writer.write(caller)
            command.encode(to: &writer)
        case .auth(let command, let caller):
            writer.write(Tag.auth.rawValue)
            writer.write(caller)
            command.encode(to: &writer)
        case .member(let command):
            writer.write(Tag.member.rawValue)
            command.encode(to: &writer)
        case .alarm(let command):
            writer.write(Tag.alarm.rawValue)
            command.encode(to: &writer)
        case .expire(let lease, let term):
            writer.write(Tag.expire.rawValue)
            writer.write(lease.rawValue)
            writer.write(term.rawValue)
        }
        return writer.bytes
    }

    /// - Throws: what is wrong with the bytes.
    init(decoding bytes: ArraySlice<UInt8>) throws {
        var reader = ByteReader(bytes)
        let version: UInt8 = try reader.read()
        guard version == Self.formatVersion else {
            throw ByteReader.Malformed(offset: 0, expected: "version \(Self.formatVersion) of a command")
        }
        guard let tag = Tag(rawValue: try reader.read()) else {
            throw ByteReader.Malformed(offset: 1, expected: "a command")
        }
        switch tag {
        case .kv:
            let caller = try reader.readCaller()
            self = .kv(try Command(from: &reader), caller)
        case .auth:
            let caller = try reader.readCaller()
            self = .auth(try AuthCommand(from: &reader), caller)
        case .member: self = .member(try ClusterCommand(from: &reader))
        case .alarm: self = .alarm(try AlarmCommand(from: &reader))
        case .expire: self = .expire(LeaseID(try reader.read(Int64.self)), Term(try reader.read(UInt64.self)))
        }
        guard reader.remaining == 0 else {
            throw ByteReader.Malformed(offset: reader.offset, expected: "the end of the command")
        }
    }
}

extension ByteWriter {
    mutating func write(_ caller: Caller?) {
        guard let caller else { return write(UInt8(0)) }
        write(UInt8(1))
        write(caller.user)
        writeVariable(caller.authRevision)
    }
}

extension ByteReader {
    mutating func readCaller() throws -> Caller? {
        switch try read(UInt8.self) {
        case 0: return nil
        case 1: return Caller(user: try readString(), authRevision: try readVariable(UInt64.self))
        default: throw Malformed(offset: offset - 1, expected: "a caller or none")
        }
    }
}
