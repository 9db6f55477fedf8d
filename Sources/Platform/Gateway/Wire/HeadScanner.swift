#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Finds the blank line that ends a head, looking at each byte once however the bytes arrive.
struct HeadScanner {
    enum Result: Equatable {
        case more
        /// The head's length with the blank line.
        case complete(Int)
        /// A line ends with LF alone, where readers may disagree about its end.
        case bareLineFeed
    }

    private var scanned = 0
    private var lineStart = 0
    /// Where the first line ends, as soon as it has been seen.
    private(set) var firstLineEnd: Int?

    /// - Parameter bytes: all bytes of the head that have arrived, those of earlier calls too.
    mutating func scan(_ bytes: UnsafeRawBufferPointer) -> Result {
        guard let base = bytes.baseAddress else { return .more }
        while scanned < bytes.count {
            guard let found = memchr(base + scanned, Int32(ASCII.lineFeed), bytes.count - scanned) else {
                scanned = bytes.count
                return .more
            }
            let index = UnsafeRawPointer(found) - base
            guard index > 0, bytes[index - 1] == ASCII.carriageReturn else { return .bareLineFeed }
            scanned = index + 1
            if firstLineEnd == nil { firstLineEnd = index - 1 }
            if index - lineStart == 1 { return .complete(index + 1) }
            lineStart = index + 1
        }
        return .more
    }
}
