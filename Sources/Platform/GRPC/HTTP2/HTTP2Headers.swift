/// A list of fields: pseudo fields, request or response fields, or trailers; as received, or to be sent.
///
/// All bytes lie together, and those of known names nowhere, so that a list costs no allocation for each field; a
/// connection uses the same storage again for the next list, unless somebody still holds this one.
public struct HTTP2Headers: Sendable {
    /// What the tables of HPACK (RFC 7541) may do with a field that is sent.
    public enum Indexing: UInt8, Sendable {
        /// The peer remembers it, if its table has room: for what comes again on the same connection.
        case indexed
        /// Sent in full each time: for what differs each time.
        case literal
        /// Sent in full, and no intermediary may remember it either: for secrets that could be guessed from sizes.
        case never
    }

    struct Field {
        var name: HTTP2Name
        var indexing: Indexing
        /// Where the name begins in the bytes, when it is not a known one; the value follows it.
        var start: UInt32
        var nameCount: UInt32
        var valueCount: UInt32
    }

    private var storage: HTTP2HeaderStorage?
    public private(set) var count = 0
    private var byteCount = 0
    /// A bit for each known name that is in the list.
    private var present: UInt64 = 0
    /// The size of the list as RFC 9113, section 6.5.2 counts it: names, values and 32 for each field.
    public private(set) var listBytes = 0

    public init() {}

    public var isEmpty: Bool { count == 0 }

    /// `index` is below `count`, like everywhere.
    @inline(__always)
    func field(_ index: Int) -> Field {
        precondition(index >= 0 && index < count)
        return storage!.fields[index]
    }

    public mutating func append(_ name: HTTP2Name, _ value: String, indexing: Indexing = .indexed) {
        var value = value
        value.withUTF8 {
            append(name, UnsafeRawBufferPointer(start: nil, count: 0), UnsafeRawBufferPointer($0), indexing)
        }
    }

    /// `name` must be in lower case; it and `value` are sent as they are, without a check.
    public mutating func append(name: String, value: String, indexing: Indexing = .literal) {
        var (name, value) = (name, value)
        name.withUTF8 { name in
            value.withUTF8 { value in
                append(name: UnsafeRawBufferPointer(name), value: UnsafeRawBufferPointer(value), indexing: indexing)
            }
        }
    }

    /// `name` must be in lower case; it and `value` are sent as they are, without a check.
    public mutating func append(
        name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer, indexing: Indexing = .literal
    ) {
        append(HTTP2Name(bytes: name), name, value, indexing)
    }

    /// `name` is not looked at when it is a known one.
    @inline(__always)
    mutating func append(
        _ known: HTTP2Name, _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ indexing: Indexing
    ) {
        let nameCount = known == .other ? name.count : 0
        let storage = room(nameCount + value.count)
        let start = storage.bytes + byteCount
        if nameCount > 0 { start.copyMemory(from: name.baseAddress!, byteCount: nameCount) }
        if let base = value.baseAddress { (start + nameCount).copyMemory(from: base, byteCount: value.count) }
        storage.fields[count] = Field(
            name: known, indexing: indexing, start: UInt32(truncatingIfNeeded: byteCount),
            nameCount: UInt32(truncatingIfNeeded: nameCount), valueCount: UInt32(truncatingIfNeeded: value.count))
        count += 1
        byteCount += nameCount + value.count
        present |= 1 << UInt64(known.rawValue)
        listBytes += (known == .other ? nameCount : known.text.utf8CodeUnitCount) + value.count + 32
    }

    /// Storage of our own with room for another field of `bytes` bytes.
    @inline(__always)
    private mutating func room(_ bytes: Int) -> HTTP2HeaderStorage {
        if isKnownUniquelyReferenced(&storage), let storage, count < storage.fieldCapacity,
            byteCount + bytes <= storage.byteCapacity
        {
            return storage
        }
        return grow(bytes)
    }

    private mutating func grow(_ bytes: Int) -> HTTP2HeaderStorage {
        let (fields, capacity) = (storage?.fieldCapacity ?? 0, storage?.byteCapacity ?? 0)
        let needed = byteCount + bytes
        let fresh = HTTP2HeaderStorage(
            copying: storage, fieldCount: count, byteCount: byteCount,
            fields: max(12, count < fields ? fields : 2 * count),
            bytes: max(256, needed <= capacity ? capacity : 2 * needed))
        storage = fresh
        return fresh
    }

    /// Empties the list; keeps its storage, unless somebody else still holds it or it has become large.
    public mutating func removeAll() {
        if !isKnownUniquelyReferenced(&storage) || storage!.byteCapacity > Self.keptBytes { storage = nil }
        count = 0
        byteCount = 0
        present = 0
        listBytes = 0
    }

    /// Bytes of storage that are kept for the next list.
    private static let keptBytes = 4_096
}

extension HTTP2Headers {
    @inline(__always)
    public func contains(_ name: HTTP2Name) -> Bool {
        present & (1 << UInt64(name.rawValue)) != 0
    }

    /// The index of the first field with this name.
    @inline(__always)
    public func firstIndex(of name: HTTP2Name) -> Int? {
        guard contains(name), let storage else { return nil }
        for index in 0..<count where storage.fields[index].name == name { return index }
        return nil
    }

    /// Which of the known names the field at `index` has.
    public func known(at index: Int) -> HTTP2Name { field(index).name }

    public func name(at index: Int) -> String { withName(at: index) { $0.text } }
    public func value(at index: Int) -> String { withValue(at: index) { $0.text } }

    /// The value of the first field with this name, as text.
    public func string(_ name: HTTP2Name) -> String? { withValue(of: name) { $0.text } }

    /// The value of the first field with this name as a decimal number of 1 to 18 digits; nil when it is not one.
    public func integer(_ name: HTTP2Name) -> Int? {
        withValue(of: name) { $0.decimal() } ?? nil
    }

    /// Whether the first field with this name has exactly this value.
    public func has(_ name: HTTP2Name, _ value: StaticString) -> Bool {
        withValue(of: name) { $0.equals(value) } ?? false
    }

    /// Calls `body` with the value of the first field with this name; the bytes are valid only within it.
    @inline(__always)
    public func withValue<Result>(of name: HTTP2Name, _ body: (UnsafeRawBufferPointer) -> Result) -> Result? {
        guard let index = firstIndex(of: name) else { return nil }
        return withValue(at: index, body)
    }

    @inline(__always)
    public func withValue<Result>(at index: Int, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        let field = field(index)
        return withExtendedLifetime(storage) {
            let start = storage!.bytes + Int(field.start) + Int(field.nameCount)
            return body(UnsafeRawBufferPointer(start: start, count: Int(field.valueCount)))
        }
    }

    @inline(__always)
    public func withName<Result>(at index: Int, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        let field = field(index)
        guard field.name == .other else { return body(UnsafeRawBufferPointer(field.name.text)) }
        return withExtendedLifetime(storage) {
            body(UnsafeRawBufferPointer(start: storage!.bytes + Int(field.start), count: Int(field.nameCount)))
        }
    }
}

extension HTTP2Headers: CustomStringConvertible {
    /// One `name: value` a line.
    public var description: String {
        (0..<count).map { "\(name(at: $0)): \(value(at: $0))" }.joined(separator: "\n")
    }
}
