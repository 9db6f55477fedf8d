import ApusEtcdAPI
import ApusKV
import ApusPrimitives

/// Users, roles and what they may do. Authentication is off: everything is allowed.
struct AuthStore: Sendable {
    init() {}

    mutating func apply(_ command: AuthCommand, _ caller: Caller?) throws(EtcdError) -> AuthResponse {
        throw .authNotEnabled
    }

    /// - Throws: what a caller who may not do it is told.
    func check(_ caller: Caller?, _ command: Command, on store: KVStore) throws(EtcdError) {}
    func check(_ caller: Caller?, range: RangeRequest) throws(EtcdError) {}
    func check(_ caller: Caller?, watch range: KeyRange) throws(EtcdError) {}

    func encode(to writer: inout ByteWriter) {}
    init(from reader: inout ByteReader) throws {}
}

enum AuthCommand: Hashable, Sendable {
    case disable

    func encode(to writer: inout ByteWriter) { writer.write(UInt8(1)) }

    init(from reader: inout ByteReader) throws {
        guard try reader.read(UInt8.self) == 1 else {
            throw ByteReader.Malformed(offset: reader.offset, expected: "a command about users and roles")
        }
        self = .disable
    }
}

enum AuthResponse: Hashable, Sendable {
    case done
}
