import ApusKV
import ApusNode
import ApusPrimitives

// A version, the small books each in one piece, then the chunks of the store, each with its length, and an empty one.
extension ControlMachine {
    private static let snapshotVersion: UInt64 = 1

    func write(to snapshot: inout SnapshotOutput) throws {
        try snapshot.write(Self.snapshotVersion)
        var books = ByteWriter()
        auth.encode(to: &books)
        cluster.encode(to: &books)
        alarms.encode(to: &books)
        try snapshot.write(Bytes(books.bytes))
        for chunk in store.snapshotChunks() {
            try snapshot.write(UInt64(chunk.count))
            try snapshot.write(raw: chunk)
        }
        try snapshot.write(0)
    }

    mutating func restore(from snapshot: inout SnapshotInput) throws {
        let version = try snapshot.readNumber()
        guard version == Self.snapshotVersion else {
            throw NodeError(.corrupt, "a snapshot of the unknown version \(version)")
        }
        var books = ByteReader(try snapshot.readBytes().array)
        auth = try AuthStore(from: &books, tokens: auth.tokens)
        cluster = try ClusterBook(from: &books)
        alarms = try AlarmBook(from: &books)
        guard books.remaining == 0 else { throw NodeError(.corrupt, "bytes follow the books of a snapshot") }
        var decoder = SnapshotDecoder()
        while true {
            let count = try snapshot.readNumber()
            if count == 0 { break }
            guard count <= UInt64(Int32.max) else { throw NodeError(.corrupt, "a chunk of \(count) bytes") }
            try decoder.append(try snapshot.read(raw: Int(count)))
        }
        store = try decoder.finish(at: .zero)
    }
}
