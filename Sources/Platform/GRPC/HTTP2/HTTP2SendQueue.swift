import NIOCore

/// Bytes of one stream that wait for a window or for their turn.
struct HTTP2SendQueue: Sendable {
    /// Up to this many bytes are copied together instead of being kept as pieces.
    static let copiedBytes = 4_096
    private static let ownBytes = 8_192

    private var pieces: [ByteBuffer] = []
    private var head = 0
    /// The last piece is ours to append to.
    private var ownsLast = false
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    mutating func append(_ piece: ByteBuffer) {
        let size = piece.readableBytes
        guard size > 0 else { return }
        count += size
        guard size <= Self.copiedBytes else {
            pieces.append(piece)
            ownsLast = false
            return
        }
        let last = own(size)
        pieces[last].writeImmutableBuffer(piece)
    }

    /// Appends a gRPC message: a byte for whether it is compressed, its length, itself.
    mutating func append(message: ByteBuffer, compressed: Bool) {
        count += 5
        let last = own(5)
        pieces[last].writeMultipleIntegers(UInt8(compressed ? 1 : 0), UInt32(truncatingIfNeeded: message.readableBytes))
        append(message)
    }

    /// The index of a piece that may be written to and has room for `count` bytes.
    private mutating func own(_ count: Int) -> Int {
        if !ownsLast || head == pieces.count || pieces[pieces.count - 1].writableBytes < count {
            pieces.append(ByteBufferAllocator().buffer(capacity: max(Self.ownBytes, count)))
            ownsLast = true
        }
        return pieces.count - 1
    }

    /// Moves the first `count` bytes, of those that there are, to `output`.
    mutating func move(_ count: Int, to output: inout ByteBuffer) {
        self.count -= count
        var left = count
        while left > 0 {
            let size = min(left, pieces[head].readableBytes)
            pieces[head].readWithUnsafeReadableBytes { bytes in
                output.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[..<size]))
                return size
            }
            left -= size
            guard pieces[head].readableBytes == 0 else { continue }
            if isEmpty, left == 0 { return removeAll() }
            pieces[head] = ByteBuffer()
            head += 1
            if head >= 16, head * 2 >= pieces.count {
                pieces.removeFirst(head)
                head = 0
            }
        }
    }

    mutating func removeAll() {
        if !pieces.isEmpty { pieces = [] }
        head = 0
        ownsLast = false
        count = 0
    }
}
