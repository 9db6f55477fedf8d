import ApusEtcdAPI
import ApusGRPC
import ApusKV
import ApusPrimitives

/// What a member asks the leader about leases, without a command.
enum LeaderRequest: Hashable, Sendable {
    case keepAlive(LeaseID)
    case remaining(LeaseID)

    var lease: LeaseID {
        switch self {
        case .keepAlive(let id), .remaining(let id): id
        }
    }

    func encoded() -> [UInt8] {
        var writer = ByteWriter(reservingCapacity: 12)
        switch self {
        case .keepAlive(let id):
            writer.write(UInt8(1))
            writer.writeVariable(id.rawValue)
        case .remaining(let id):
            writer.write(UInt8(2))
            writer.writeVariable(id.rawValue)
        }
        return writer.bytes
    }

    init(decoding bytes: [UInt8]) throws {
        var reader = ByteReader(bytes)
        let tag: UInt8 = try reader.read()
        let id = LeaseID(try reader.readVariable(Int64.self))
        switch tag {
        case 1: self = .keepAlive(id)
        case 2: self = .remaining(id)
        default: throw ByteReader.Malformed(offset: 0, expected: "a request about a lease")
        }
    }
}

/// The leader's answer: seconds, nothing for a lease that is not there, or what went wrong.
enum LeaderReply: Hashable, Sendable {
    case seconds(Int64)
    case none
    case failed(EtcdError)

    func encoded() -> [UInt8] {
        var writer = ByteWriter(reservingCapacity: 16)
        switch self {
        case .seconds(let seconds):
            writer.write(UInt8(1))
            writer.writeVariable(seconds)
        case .none: writer.write(UInt8(2))
        case .failed(let error):
            writer.write(UInt8(3))
            writer.writeVariable(UInt64(error.code.rawValue))
            writer.write(error.message)
        }
        return writer.bytes
    }

    init(decoding bytes: [UInt8]) throws {
        var reader = ByteReader(bytes)
        switch try reader.read(UInt8.self) {
        case 1: self = .seconds(try reader.readVariable(Int64.self))
        case 2: self = .none
        case 3:
            let code = GRPCCode(rawValue: UInt32(truncatingIfNeeded: try reader.readVariable(UInt64.self)))
            self = .failed(EtcdError(code, try reader.readString()))
        default: throw ByteReader.Malformed(offset: 0, expected: "an answer about a lease")
        }
    }
}
