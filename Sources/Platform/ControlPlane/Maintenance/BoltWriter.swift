import ApusPrimitives
import Foundation

/// Writes a database of bbolt in one go, from buckets whose keys come in order: each page once, from the leaves up, so that
/// no more than a page of each level is in memory.
struct BoltWriter {
    private struct Entry {
        var flags: UInt32 = 0
        let key: [UInt8]
        let value: [UInt8]

        var bytes: Int { BoltFormat.elementBytes + key.count + value.count }
    }

    /// Where a page's keys begin.
    private struct Child {
        let key: [UInt8]
        let page: UInt64
    }

    private let file: FileHandle
    private var nextPage: UInt64 = 3
    private var buckets: [Entry] = []
    private var pending = Data()

    private static let flushBytes = 1 << 20

    /// - Parameter file: empty, and written from its start.
    init(_ file: FileHandle) throws {
        self.file = file
        // The meta pages follow at the end; nothing is free.
        pending.append(Data(count: 2 * BoltFormat.pageBytes))
        append(BoltFormat.pageHeader(id: 2, kind: BoltFormat.PageKind.freelist, count: 0, overflow: 0))
    }

    /// Writes a bucket. Buckets come in the order of their names, and `entries` in that of their keys.
    mutating func write(
        bucket name: String, _ entries: some Sequence<(key: [UInt8], value: [UInt8])>
    ) throws {
        let root = try tree(entries.lazy.map { Entry(key: $0.key, value: $0.value) })
        buckets.append(
            Entry(flags: BoltFormat.bucketFlag, key: Array(name.utf8), value: Self.bucket(root: root)))
    }

    /// Ends the file. Returns its size in bytes.
    mutating func finish(transaction: UInt64) throws -> Int {
        let root = try tree(buckets)
        try flush()
        for number in 0..<2 as Range<UInt64> {
            // The older of the two is as true as the newer.
            let meta = BoltFormat.Meta(
                root: root, freelist: 2, end: nextPage,
                transaction: number == 0 ? max(1, transaction) - 1 : max(1, transaction))
            let page = BoltFormat.pageHeader(id: number, kind: BoltFormat.PageKind.meta, count: 0, overflow: 0)
            try file.seek(toOffset: number * UInt64(BoltFormat.pageBytes))
            try file.write(contentsOf: Data(page + meta.encoded()))
        }
        try file.synchronize()
        return Int(nextPage) * BoltFormat.pageBytes
    }

    private static func bucket(root: UInt64) -> [UInt8] {
        var writer = ByteWriter()
        writer.write(root)
        writer.write(0 as UInt64)
        return writer.bytes
    }

    private mutating func tree(_ entries: some Sequence<Entry>) throws -> UInt64 {
        var children: [Child] = []
        var page: [Entry] = []
        var bytes = BoltFormat.pageHeaderBytes
        for entry in entries {
            if !page.isEmpty, bytes + entry.bytes > BoltFormat.pageBytes {
                children.append(try leaf(page))
                page.removeAll(keepingCapacity: true)
                bytes = BoltFormat.pageHeaderBytes
            }
            bytes += entry.bytes
            page.append(entry)
        }
        // A bucket without keys is a leaf without elements.
        if !page.isEmpty || children.isEmpty { children.append(try leaf(page)) }
        while children.count > 1 { children = try branches(over: children) }
        return children[0].page
    }

    private mutating func branches(over children: [Child]) throws -> [Child] {
        var parents: [Child] = []
        var group: [Child] = []
        var bytes = BoltFormat.pageHeaderBytes
        for child in children {
            let more = BoltFormat.elementBytes + child.key.count
            // bbolt expects two children of a branch at least.
            if group.count >= 2, bytes + more > BoltFormat.pageBytes {
                parents.append(try branch(group))
                group.removeAll(keepingCapacity: true)
                bytes = BoltFormat.pageHeaderBytes
            }
            bytes += more
            group.append(child)
        }
        parents.append(try branch(group))
        return parents
    }

    private mutating func leaf(_ entries: [Entry]) throws -> Child {
        var elements = ByteWriter()
        var position = entries.count * BoltFormat.elementBytes
        for (index, entry) in entries.enumerated() {
            elements.write(entry.flags)
            // From the element itself.
            elements.write(UInt32(position - index * BoltFormat.elementBytes))
            elements.write(UInt32(entry.key.count))
            elements.write(UInt32(entry.value.count))
            position += entry.key.count + entry.value.count
        }
        for entry in entries {
            elements.write(raw: entry.key)
            elements.write(raw: entry.value)
        }
        let id = try add(elements.bytes, kind: BoltFormat.PageKind.leaf, count: entries.count)
        return Child(key: entries.first?.key ?? [], page: id)
    }

    private mutating func branch(_ children: [Child]) throws -> Child {
        var elements = ByteWriter()
        var position = children.count * BoltFormat.elementBytes
        for (index, child) in children.enumerated() {
            elements.write(UInt32(position - index * BoltFormat.elementBytes))
            elements.write(UInt32(child.key.count))
            elements.write(child.page)
            position += child.key.count
        }
        for child in children { elements.write(raw: child.key) }
        let id = try add(elements.bytes, kind: BoltFormat.PageKind.branch, count: children.count)
        return Child(key: children[0].key, page: id)
    }

    private mutating func add(_ content: [UInt8], kind: UInt16, count: Int) throws -> UInt64 {
        let id = nextPage
        let pages = (BoltFormat.pageHeaderBytes + content.count + BoltFormat.pageBytes - 1) / BoltFormat.pageBytes
        append(BoltFormat.pageHeader(id: id, kind: kind, count: count, overflow: pages - 1) + content)
        nextPage += UInt64(pages)
        if pending.count >= Self.flushBytes { try flush() }
        return id
    }

    /// Whole pages.
    private mutating func append(_ bytes: [UInt8]) {
        pending.append(contentsOf: bytes)
        let rest = bytes.count % BoltFormat.pageBytes
        if rest > 0 { pending.append(Data(count: BoltFormat.pageBytes - rest)) }
    }

    private mutating func flush() throws {
        try file.write(contentsOf: pending)
        pending.removeAll(keepingCapacity: true)
    }
}
