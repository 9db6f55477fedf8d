/// A path that means one thing only, decoded for routing.
///
/// What a proxy and a service may read in two ways is refused instead of normalised: `..` and `.` as segments, empty
/// segments, encoded slashes and backslashes, control characters, broken escapes. So no path can look like one service's
/// to the gateway and like something else (`/internal`, say) to whoever receives it.
enum RoutingPath {
    /// - Returns: the decoded path; nil when it is the same as `raw`, which is nearly always.
    static func decode(_ raw: UnsafeRawBufferPointer) throws(RequestFault) -> [UInt8]? {
        guard !isPlain(raw) else { return nil }
        var decoded: [UInt8] = []
        decoded.reserveCapacity(raw.count)
        var index = 0
        while index < raw.count {
            var byte = raw[index]
            if byte == UInt8(ascii: "%") {
                guard index + 2 < raw.count, let high = ASCII.hexValue(raw[index + 1]),
                    let low = ASCII.hexValue(raw[index + 2])
                else { throw .ambiguousPath }
                byte = high << 4 | low
                index += 2
                guard byte != ASCII.slash else { throw .ambiguousPath }
            }
            guard byte >= 0x20, byte != 0x7F, byte != UInt8(ascii: "\\") else { throw .ambiguousPath }
            decoded.append(byte)
            index += 1
        }
        try checkSegments(decoded)
        return decoded
    }

    /// Whether nothing in the path needs a closer look.
    private static func isPlain(_ raw: UnsafeRawBufferPointer) -> Bool {
        var previous: UInt8 = 0
        for byte in raw {
            switch byte {
            case UInt8(ascii: "%"), UInt8(ascii: "\\"): return false
            case UInt8(ascii: "."), ASCII.slash: if previous == ASCII.slash { return false }
            default: break
            }
            previous = byte
        }
        return true
    }

    private static func checkSegments(_ path: [UInt8]) throws(RequestFault) {
        var start = 1  // after the first slash
        var index = 1
        while index <= path.count {
            if index == path.count || path[index] == ASCII.slash {
                // A segment's parameters (";x=1") are ignored by some servers, so that "..;" is ".." to them.
                let segment = path[start..<index].prefix { $0 != UInt8(ascii: ";") }
                let isLast = index == path.count
                guard !segment.isEmpty || isLast && start == index else { throw .ambiguousPath }
                guard !segment.elementsEqual(".".utf8), !segment.elementsEqual("..".utf8) else { throw .ambiguousPath }
                start = index + 1
            }
            index += 1
        }
    }
}
