import ApusKV
import ApusPrimitives
import NIOCore

/// Writes the few messages that make up nearly all of the traffic, field by field, into memory of a known size.
struct ProtoWriter {
    private var next: UnsafeMutablePointer<UInt8>
    private let end: UnsafeMutablePointer<UInt8>

    /// - Parameter capacity: what `body` writes at most; more ends the process.
    static func buffer(capacity: Int, _ body: (inout ProtoWriter) -> Void) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: capacity) { write(into: $0, body) }
        return buffer
    }

    static func array(capacity: Int, _ body: (inout ProtoWriter) -> Void) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: capacity) { memory, count in
            count = write(into: UnsafeMutableRawBufferPointer(memory), body)
        }
    }

    private static func write(into memory: UnsafeMutableRawBufferPointer, _ body: (inout ProtoWriter) -> Void) -> Int {
        guard let start = memory.bindMemory(to: UInt8.self).baseAddress else { return 0 }
        var writer = ProtoWriter(next: start, end: start + memory.count)
        body(&writer)
        return writer.next - start
    }

    private mutating func byte(_ value: UInt8) {
        precondition(next < end, "a message is longer than was reckoned")
        next.pointee = value
        next += 1
    }

    /// What is encoded already.
    mutating func raw(_ content: [UInt8]) {
        precondition(content.count <= end - next, "a message is longer than was reckoned")
        content.withUnsafeBufferPointer { content in
            guard let start = content.baseAddress else { return }
            next.update(from: start, count: content.count)
        }
        next += content.count
    }

    mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            byte(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        byte(UInt8(truncatingIfNeeded: rest))
    }

    /// Nothing for 0, as in proto3.
    mutating func field(_ number: UInt8, _ value: UInt64) {
        guard value != 0 else { return }
        byte(number << 3)
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
        byte(number << 3 | 2)
        varint(UInt64(content.count))
        raw(content)
    }

    /// The beginning of a field whose content, of `count` bytes, is written next.
    mutating func begin(_ number: UInt8, count: Int) {
        byte(number << 3 | 2)
        varint(UInt64(count))
    }
}

/// How many bytes `ProtoWriter` writes.
enum ProtoSize {
    /// A number with its tag, at most.
    static let maximumNumber = 11

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

    /// With its tag and length, at most.
    static let maximumSize = 2 + 4 * ProtoSize.maximumNumber

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
