/// An immutable sequence of bytes that is ordered as `memcmp` orders: a key, a value, a record.
public struct Bytes: Hashable, Sendable {
    public let array: [UInt8]

    public init(_ array: [UInt8]) {
        self.array = array
    }

    public init(_ bytes: some Sequence<UInt8>) {
        array = Array(bytes)
    }

    /// The UTF-8 of `text`.
    public init(_ text: some StringProtocol) {
        array = Array(text.utf8)
    }

    public static let empty = Bytes([])

    @inlinable public var count: Int { array.count }
    @inlinable public var isEmpty: Bool { array.isEmpty }

    /// These bytes as text, with U+FFFD for what is not UTF-8.
    public var text: String { String(decoding: array, as: UTF8.self) }

    public func hasPrefix(_ prefix: Bytes) -> Bool {
        array.starts(with: prefix.array)
    }

    public static func + (left: Bytes, right: Bytes) -> Bytes {
        Bytes(left.array + right.array)
    }

    /// The first key after every key that has `self` as prefix; nil when there is none (all bytes are 0xFF).
    public var prefixEnd: Bytes? {
        guard let last = array.lastIndex(where: { $0 != 0xFF }) else { return nil }
        var end = Array(array[...last])
        end[last] += 1
        return Bytes(end)
    }
}

extension Bytes: Comparable {
    @inlinable
    public static func < (left: Bytes, right: Bytes) -> Bool {
        left.compared(to: right) < 0
    }

    /// Less than, equal to or greater than zero as these bytes precede, equal or follow `other`: one pass where `<` and
    /// `==` would take two.
    @inlinable
    public func compared(to other: Bytes) -> Int {
        array.withUnsafeBytes { a in
            other.array.withUnsafeBytes { b in
                let shared = min(a.count, b.count)
                var index = 0
                // Eight bytes a step: keys of one registry share long prefixes.
                while index + 8 <= shared {
                    let left = a.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                    let right = b.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                    if left != right { return left.bigEndian < right.bigEndian ? -1 : 1 }
                    index += 8
                }
                while index < shared {
                    if a[index] != b[index] { return a[index] < b[index] ? -1 : 1 }
                    index += 1
                }
                return a.count - b.count
            }
        }
    }
}

extension Bytes: ExpressibleByStringLiteral, CustomStringConvertible {
    public init(stringLiteral text: String) {
        self.init(text)
    }

    public var description: String { text }
}
