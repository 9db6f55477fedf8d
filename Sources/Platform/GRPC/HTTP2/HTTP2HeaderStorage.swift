/// The memory of a list of fields: the fields, and the bytes of their names and values. How much of it is used, the
/// lists know that share it.
final class HTTP2HeaderStorage {
    let fields: UnsafeMutablePointer<HTTP2Headers.Field>
    let fieldCapacity: Int
    let bytes: UnsafeMutableRawPointer
    let byteCapacity: Int

    init(fields fieldCapacity: Int, bytes byteCapacity: Int) {
        self.fieldCapacity = fieldCapacity
        self.byteCapacity = byteCapacity
        fields = .allocate(capacity: fieldCapacity)
        bytes = .allocate(byteCount: byteCapacity, alignment: 8)
    }

    /// The same content in storage of another size.
    init(copying old: HTTP2HeaderStorage?, fieldCount: Int, byteCount: Int, fields: Int, bytes: Int) {
        fieldCapacity = fields
        byteCapacity = bytes
        self.fields = .allocate(capacity: fields)
        self.bytes = .allocate(byteCount: bytes, alignment: 8)
        guard let old else { return }
        self.fields.update(from: old.fields, count: fieldCount)
        self.bytes.copyMemory(from: old.bytes, byteCount: byteCount)
    }

    deinit {
        fields.deallocate()
        bytes.deallocate()
    }
}

// Safe: it is written to only while a single list holds it.
extension HTTP2HeaderStorage: @unchecked Sendable {}
