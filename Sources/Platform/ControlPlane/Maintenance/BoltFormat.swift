import ApusPrimitives

/// The file format of bbolt, etcd's database: pages of a B+-tree of buckets, each of which is a B+-tree (go.etcd.io/bbolt, page.go,
/// bucket.go and db.go). All numbers are little-endian.
enum BoltFormat {
    static let magic: UInt32 = 0xED0C_DAED
    static let version: UInt32 = 2
    static let pageBytes = 4096
    static let pageHeaderBytes = 16
    static let elementBytes = 16
    /// Root page and sequence, what a bucket is in the tree of buckets.
    static let bucketBytes = 16
    static let noFreelist = UInt64.max

    enum PageKind {
        static let branch: UInt16 = 0x01
        static let leaf: UInt16 = 0x02
        static let meta: UInt16 = 0x04
        static let freelist: UInt16 = 0x10
    }

    /// Of an element that is a bucket.
    static let bucketFlag: UInt32 = 0x01

    /// What the first two pages say, the one with the greater transaction counts.
    struct Meta {
        static let bytes = 64

        var pageSize: UInt32
        var root: UInt64
        var freelist: UInt64
        /// The pages of the file end before this one.
        var end: UInt64
        var transaction: UInt64

        func encoded() -> [UInt8] {
            var writer = ByteWriter(reservingCapacity: Self.bytes)
            writer.write(BoltFormat.magic)
            writer.write(BoltFormat.version)
            writer.write(pageSize)
            writer.write(0 as UInt32)
            writer.write(root)
            writer.write(0 as UInt64)
            writer.write(freelist)
            writer.write(end)
            writer.write(transaction)
            writer.write(BoltFormat.checksum(writer.bytes))
            return writer.bytes
        }

        /// Nil when the checksum is wrong, or it is none.
        init?(decoding bytes: ArraySlice<UInt8>) {
            var reader = ByteReader(bytes)
            do {
                let (magic, version) = (try reader.read(UInt32.self), try reader.read(UInt32.self))
                guard magic == BoltFormat.magic, version == BoltFormat.version else { return nil }
                pageSize = try reader.read()
                _ = try reader.read(UInt32.self)
                root = try reader.read()
                _ = try reader.read(UInt64.self)
                freelist = try reader.read()
                end = try reader.read()
                transaction = try reader.read()
                guard try reader.read(UInt64.self) == BoltFormat.checksum(bytes.prefix(Self.bytes - 8)) else {
                    return nil
                }
            } catch {
                return nil
            }
        }

        init(root: UInt64, freelist: UInt64, end: UInt64, transaction: UInt64) {
            pageSize = UInt32(BoltFormat.pageBytes)
            (self.root, self.freelist, self.end, self.transaction) = (root, freelist, end, transaction)
        }
    }

    /// FNV-1a of 64 bits (Fowler, Noll, Vo).
    static func checksum(_ bytes: some Sequence<UInt8>) -> UInt64 {
        bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
    }

    static func pageHeader(id: UInt64, kind: UInt16, count: Int, overflow: Int) -> [UInt8] {
        var writer = ByteWriter(reservingCapacity: pageHeaderBytes)
        writer.write(id)
        writer.write(kind)
        writer.write(UInt16(count))
        writer.write(UInt32(overflow))
        return writer.bytes
    }
}
