import ApusKV
import ApusPrimitives

/// Writes the few messages that make up nearly all of the traffic, field by field, into bytes that grow once.
struct ProtoWriter {
    private(set) var bytes: [UInt8] = []

    init(reservingCapacity capacity: Int) {
        bytes.reserveCapacity(capacity)
    }

    mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    /// Nothing for 0, as in proto3.
    mutating func field(_ number: UInt8, _ value: UInt64) {
        guard value != 0 else { return }
        bytes.append(number << 3)
        varint(value)
    }

    mutating func field(_ number: UInt8, _ value: Int64) {
        field(number, UInt64(bitPattern: value))
    }

    mutating func field(_ number: UInt8, _ value: Bool) {
        if value { field(number, 1 as UInt64) }
    }

    mutating func field(_ number: UInt8, _ value: Bytes) {
        if !value.isEmpty { message(number, value.array) }
    }

    mutating func field(_ number: UInt8, _ text: String) {
        if !text.isEmpty { message(number, Array(text.utf8)) }
    }

    /// A field that is there even when it is empty: a message, an element of a list.
    mutating func message(_ number: UInt8, _ content: [UInt8]) {
        bytes.append(number << 3 | 2)
        varint(UInt64(content.count))
        bytes.append(contentsOf: content)
    }

    /// The beginning of a field whose content, of `count` bytes, is written next.
    mutating func begin(_ number: UInt8, count: Int) {
        bytes.append(number << 3 | 2)
        varint(UInt64(count))
    }
}

/// How many bytes `ProtoWriter` writes.
enum ProtoSize {
    static func varint(_ value: UInt64) -> Int {
        // Seven bits a byte.
        value == 0 ? 1 : (64 - value.leadingZeroBitCount + 6) / 7
    }

    static func field(_ value: UInt64) -> Int { value == 0 ? 0 : 1 + varint(value) }
    static func field(_ value: Int64) -> Int { field(UInt64(bitPattern: value)) }
    static func content(_ count: Int) -> Int { 1 + varint(UInt64(count)) + count }
    static func field(_ value: Bytes) -> Int { value.isEmpty ? 0 : content(value.count) }
}

/// What begins every answer: etcd's `ResponseHeader`.
struct WireHeader: Sendable {
    var clusterID: UInt64
    var memberID: UInt64
    var revision: Int64
    var term: UInt64

    var size: Int {
        ProtoSize.field(clusterID) + ProtoSize.field(memberID) + ProtoSize.field(revision) + ProtoSize.field(term)
    }
}

extension ProtoWriter {
    mutating func header(_ header: WireHeader) {
        begin(1, count: header.size)
        field(1, header.clusterID)
        field(2, header.memberID)
        field(3, header.revision)
        field(4, header.term)
    }

    mutating func keyValue(_ number: UInt8, _ kv: KeyValue) {
        begin(number, count: kv.wireSize)
        field(1, kv.key)
        field(2, kv.createRevision.rawValue)
        field(3, kv.modRevision.rawValue)
        field(4, kv.version)
        field(5, kv.value)
        field(6, kv.lease.rawValue)
    }

    mutating func event(_ number: UInt8, _ event: Event) {
        begin(number, count: event.wireSize)
        if event.kind == .delete { field(1, 1 as UInt64) }
        keyValue(2, event.kv)
        if let previous = event.previous { keyValue(3, previous) }
    }
}

extension KeyValue {
    /// Of the message's content.
    var wireSize: Int {
        ProtoSize.field(key) + ProtoSize.field(createRevision.rawValue) + ProtoSize.field(modRevision.rawValue)
            + ProtoSize.field(version) + ProtoSize.field(value) + ProtoSize.field(lease.rawValue)
    }
}

extension Event {
    var wireSize: Int {
        (kind == .delete ? 2 : 0) + ProtoSize.content(kv.wireSize)
            + (previous.map { ProtoSize.content($0.wireSize) } ?? 0)
    }
}
