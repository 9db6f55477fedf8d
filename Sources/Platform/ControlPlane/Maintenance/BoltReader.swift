import ApusPrimitives
import Foundation

/// Reads a database of bbolt that nobody vouches for: every number is checked against the file before it is followed, and no page
/// is followed twice.
struct BoltReader {
    private static let maximumDepth = 64

    private let data: Data
    private let meta: BoltFormat.Meta

    /// The pages, in bytes, without what may follow them.
    var size: Int { Int(meta.end) * Int(meta.pageSize) }

    /// - Throws: `SnapshotError` for what is no database, or is cut off.
    init(_ data: Data) throws(SnapshotError) {
        self.data = data
        var best: BoltFormat.Meta?
        // The second meta page begins where the first one says that pages end, or, should the first be damaged, where
        // pages usually do.
        for offset in [0, BoltFormat.pageBytes, 16_384, 65_536] {
            let start = offset + BoltFormat.pageHeaderBytes
            guard data.count >= start + BoltFormat.Meta.bytes else { continue }
            let bytes = [UInt8](data[data.startIndex + start..<data.startIndex + start + BoltFormat.Meta.bytes])
            guard let meta = BoltFormat.Meta(decoding: bytes[...]), offset == 0 || offset == Int(meta.pageSize) else {
                continue
            }
            if best.map({ $0.transaction < meta.transaction }) ?? true { best = meta }
        }
        guard let meta = best else { throw SnapshotError("this is no database of bbolt") }
        let pageSize = Int(meta.pageSize)
        guard (1024...65_536).contains(pageSize), pageSize & (pageSize - 1) == 0 else {
            throw SnapshotError("pages of \(pageSize) bytes")
        }
        guard meta.end > 2, meta.end <= UInt64(data.count / pageSize) else {
            throw SnapshotError("\(meta.end) pages of \(pageSize) bytes in a file of \(data.count)")
        }
        self.meta = meta
    }

    /// Calls `body` with the name of each bucket and its root page, in order.
    func forEachBucket(_ body: (String, Root) throws -> Void) throws {
        var budget = meta.end
        try visit(meta.root, depth: 0, &budget) { flags, key, value in
            guard flags & BoltFormat.bucketFlag != 0, value.count >= BoltFormat.bucketBytes else {
                throw SnapshotError("a value among the buckets")
            }
            var reader = ByteReader([UInt8](value.prefix(BoltFormat.bucketBytes)))
            let root = try reader.read(UInt64.self)
            // A small bucket has its only page with it.
            let inline = root == 0 ? value.dropFirst(BoltFormat.bucketBytes) : nil
            try body(String(decoding: key, as: UTF8.self), Root(page: root, inline: inline))
        }
    }

    /// Where a bucket's tree begins.
    struct Root {
        fileprivate let page: UInt64
        fileprivate let inline: Data?
    }

    /// Calls `body` with each key of a bucket and its value, in order.
    func forEach(in root: Root, _ body: (Data, Data) throws -> Void) throws {
        var budget = meta.end
        let take: (UInt32, Data, Data) throws -> Void = { flags, key, value in
            guard flags & BoltFormat.bucketFlag == 0 else { throw SnapshotError("a bucket in a bucket") }
            try body(key, value)
        }
        if let page = root.inline {
            try leaf(page, count: try header(of: page).count, take)
        } else {
            try visit(root.page, depth: 0, &budget, take)
        }
    }

    private func visit(
        _ id: UInt64, depth: Int, _ budget: inout UInt64, _ body: (UInt32, Data, Data) throws -> Void
    ) throws {
        // A sound tree has no more pages than the file; a cycle has.
        guard id >= 2, id < meta.end, depth < Self.maximumDepth, budget > 0 else {
            throw SnapshotError("page \(id) at depth \(depth)")
        }
        budget -= 1
        let pageSize = Int(meta.pageSize)
        let start = data.startIndex + Int(id) * pageSize
        let (kind, count, overflow) = try header(of: data[start..<start + pageSize])
        guard UInt64(overflow) < meta.end - id else { throw SnapshotError("page \(id) has \(overflow) more") }
        let page = data[start..<start + (overflow + 1) * pageSize]
        switch kind {
        case BoltFormat.PageKind.leaf: try leaf(page, count: count, body)
        case BoltFormat.PageKind.branch:
            for index in 0..<count {
                let child: UInt64 = try number(in: page, at: Self.element(index) + 8)
                try visit(child, depth: depth + 1, &budget, body)
            }
        default: throw SnapshotError("page \(id) is of kind \(kind)")
        }
    }

    private func leaf(_ page: Data, count: Int, _ body: (UInt32, Data, Data) throws -> Void) throws {
        for index in 0..<count {
            let offset = Self.element(index)
            let flags: UInt32 = try number(in: page, at: offset)
            let position = offset + Int(try number(in: page, at: offset + 4) as UInt32)
            let keyBytes = Int(try number(in: page, at: offset + 8) as UInt32)
            let valueBytes = Int(try number(in: page, at: offset + 12) as UInt32)
            guard position + keyBytes + valueBytes <= page.count else {
                throw SnapshotError("an element outside its page")
            }
            let start = page.startIndex + position
            let middle = start + keyBytes
            try body(flags, page[start..<middle], page[middle..<middle + valueBytes])
        }
    }

    private func header(of page: Data) throws -> (kind: UInt16, count: Int, overflow: Int) {
        let kind: UInt16 = try number(in: page, at: 8)
        let count: UInt16 = try number(in: page, at: 10)
        let overflow: UInt32 = try number(in: page, at: 12)
        return (kind, Int(count), Int(overflow))
    }

    private static func element(_ index: Int) -> Int {
        BoltFormat.pageHeaderBytes + index * BoltFormat.elementBytes
    }

    private func number<Value: FixedWidthInteger>(in page: Data, at offset: Int) throws -> Value {
        guard offset + MemoryLayout<Value>.size <= page.count else { throw SnapshotError("a page ends early") }
        return page.withUnsafeBytes { Value(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Value.self)) }
    }
}

/// Why a snapshot cannot be used.
public struct SnapshotError: Error, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) {
        self.description = "snapshot: \(description)"
    }
}
