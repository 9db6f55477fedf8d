import ApusEtcdAPI
import ApusKV
import ApusPrimitives

/// The alarms that are raised.
struct AlarmBook: Hashable, Sendable {
    init() {}

    /// - Throws: `.noSpace` for what grows while there is no room.
    func check(_ command: Command) throws(EtcdError) {}

    mutating func apply(_ command: AlarmCommand) -> AlarmResponse { .members }

    func encode(to writer: inout ByteWriter) {}
    init(from reader: inout ByteReader) throws {}
}

enum AlarmCommand: Hashable, Sendable {
    case get

    func encode(to writer: inout ByteWriter) { writer.write(UInt8(1)) }

    init(from reader: inout ByteReader) throws {
        guard try reader.read(UInt8.self) == 1 else {
            throw ByteReader.Malformed(offset: reader.offset, expected: "a command about alarms")
        }
        self = .get
    }
}

enum AlarmResponse: Hashable, Sendable {
    case members
}
