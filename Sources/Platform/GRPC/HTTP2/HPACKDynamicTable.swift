/// The dynamic table of a decoder (RFC 7541, section 2.3.2): first in, first out, bounded by `maxSize`.
struct HPACKDynamicTable: Sendable {
    struct Entry {
        /// Where name and value begin in `bytes`, counted from the first byte that was ever stored.
        var start: Int
        var nameCount: Int
        var valueCount: Int
        var known: HTTP2Name
        var kind: HTTP2FieldKind
        var valueIsValid: Bool

        /// RFC 7541, section 4.1.
        var size: Int { nameCount + valueCount + 32 }
    }

    /// What an entry costs besides its bytes (RFC 7541, section 4.1).
    static let overhead = 32

    private var bytes: [UInt8] = []
    /// The number of the first byte in `bytes`.
    private var base = 0
    /// Entries from the oldest, at `head`, to the newest.
    private var entries: [Entry] = []
    private var head = 0
    private(set) var size = 0
    private(set) var maxSize: Int

    init(maxSize: Int) {
        self.maxSize = maxSize
    }

    var count: Int { entries.count - head }

    /// The entry at `index`, 0 being the newest.
    @inline(__always)
    func entry(_ index: Int) -> Entry? {
        index < count ? entries[entries.count - 1 - index] : nil
    }

    @inline(__always)
    func withBytes<Result>(
        of entry: Entry, _ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Result
    ) -> Result {
        bytes.withUnsafeBytes { bytes in
            let start = entry.start - base
            let middle = start + entry.nameCount
            return body(
                UnsafeRawBufferPointer(rebasing: bytes[start..<middle]),
                UnsafeRawBufferPointer(rebasing: bytes[middle..<middle + entry.valueCount]))
        }
    }

    /// Evicts what has to go, then adds the field; one that is larger than the table only empties it. Neither `name` nor
    /// `value` may lie in the table.
    mutating func insert(
        _ known: HTTP2Name, _ kind: HTTP2FieldKind, _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer,
        valueIsValid: Bool
    ) {
        let needed = name.count + value.count + Self.overhead
        evict(to: maxSize - needed)
        guard needed <= maxSize else { return }
        compact(for: name.count + value.count)
        entries.append(
            Entry(
                start: base + bytes.count, nameCount: name.count, valueCount: value.count, known: known, kind: kind,
                valueIsValid: valueIsValid))
        bytes.append(contentsOf: name)
        bytes.append(contentsOf: value)
        size += needed
    }

    mutating func resize(to maxSize: Int) {
        self.maxSize = maxSize
        evict(to: maxSize)
    }

    private mutating func evict(to size: Int) {
        while self.size > size, head < entries.count {
            self.size -= entries[head].size
            head += 1
        }
    }

    /// Forgets what was evicted, when that makes up half of what is kept: each byte is moved once for each that is stored.
    private mutating func compact(for more: Int) {
        if head > 32, head * 2 > entries.count {
            entries.removeFirst(head)
            head = 0
        }
        guard bytes.count + more > 2 * maxSize else { return }
        let live = head < entries.count ? entries[head].start : base + bytes.count
        bytes.removeFirst(live - base)
        base = live
    }
}
