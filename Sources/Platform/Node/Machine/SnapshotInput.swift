public import ApusPrimitives

/// Reads back what a state machine wrote into its snapshot.
public struct SnapshotInput {
    private var piece = ByteReader([])
    /// What was got from the source and is not yet a piece.
    private var raw: [UInt8] = []
    private var rawOffset = 0
    private var isEnded = false
    private var contentBytes: UInt64 = 0
    /// Gives the next bytes; nil after the last.
    private let source: () throws -> [UInt8]?

    init(source: @escaping () throws -> [UInt8]?) {
        self.source = source
    }

    /// Exactly `count` bytes.
    /// - Throws: `NodeError` `.corrupt` when the snapshot ends before or is damaged.
    public mutating func read(raw count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            guard try fill() else { throw damaged("it ends within \(count) bytes") }
            bytes += try piece.read(raw: min(count - bytes.count, piece.remaining))
        }
        return bytes
    }

    public mutating func readBytes() throws -> Bytes {
        let count = try readNumber()
        guard count <= UInt64(Int32.max) else { throw damaged("\(count) bytes in one value") }
        return Bytes(try read(raw: Int(count)))
    }

    /// What `SnapshotOutput.write(_: UInt64)` wrote.
    public mutating func readNumber() throws -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            let byte = try read(raw: 1)[0]
            if shift == 63, byte > 1 { break }
            value |= UInt64(byte & 0x7F) << shift
            if byte & 0x80 == 0 { return value }
        }
        throw damaged("a number of more than 64 bits")
    }

    /// Whether everything has been read.
    public mutating func isAtEnd() throws -> Bool {
        try !fill()
    }

    /// Whether there is content to read in `piece`.
    private mutating func fill() throws -> Bool {
        if piece.remaining > 0 { return true }
        if isEnded { return false }
        let count: UInt32 = try next(4) { try $0.read() }
        if count == 0 {
            let expected: UInt64 = try next(8) { try $0.read() }
            guard expected == contentBytes else { throw damaged("\(contentBytes) bytes instead of \(expected)") }
            isEnded = true
            return false
        }
        guard count <= SnapshotOutput.pieceBytes else { throw damaged("a piece of \(count) bytes") }
        let checksum: UInt32 = try next(4) { try $0.read() }
        let content = try next(Int(count)) { try Array($0.read(raw: Int(count))) }
        guard CRC32C.checksum(content) == checksum else { throw damaged("the checksum of a piece is wrong") }
        contentBytes += UInt64(count)
        piece = ByteReader(content)
        return true
    }

    private mutating func next<Value>(_ count: Int, _ read: (inout ByteReader) throws -> Value) throws -> Value {
        while raw.count - rawOffset < count {
            guard let more = try source() else { throw damaged("it ends early") }
            raw.removeFirst(rawOffset)
            rawOffset = 0
            raw += more
        }
        var reader = ByteReader(raw[rawOffset..<rawOffset + count])
        rawOffset += count
        return try read(&reader)
    }

    private func damaged(_ what: String) -> NodeError {
        NodeError(.corrupt, "a snapshot is damaged after \(contentBytes) bytes of content: \(what)")
    }
}
