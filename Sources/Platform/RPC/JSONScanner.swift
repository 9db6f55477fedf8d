/// Checks text against the JSON grammar (RFC 8259) before anything else looks at it.
///
/// It refuses what other readers take differently or break on: nesting deeper than `maxDepth`, bytes that are not UTF-8,
/// lone surrogates, and a member name that occurs twice in one object (RFC 7493). One pass, without recursion.
public struct JSONScanner {
    public static let maxDepth = 64

    /// Where the text stops being acceptable, and why. Lines and columns (in bytes) count from 1.
    public struct Malformed: Error, Equatable, CustomStringConvertible {
        public let reason: String
        public let offset: Int
        public let line: Int
        public let column: Int

        public var description: String { "\(reason) at line \(line), column \(column)" }
    }

    private enum Expectation {
        case value
        /// After `[`: a value or the end.
        case valueOrEnd
        /// After `{`: a name or the end.
        case nameOrEnd
        case name
        /// After a value: a comma, or the end of the array or object.
        case separator
    }

    private struct Open {
        let isObject: Bool
        var names: Set<[UInt8]> = []
    }

    private let text: UnsafeBufferPointer<UInt8>
    private let depthLimit: Int
    private var position = 0
    private var open: [Open] = []

    /// - Throws: `Malformed`.
    public static func check(_ bytes: some Collection<UInt8>, maxDepth: Int = maxDepth) throws(Malformed) {
        var failure: Malformed?
        func scan(_ text: UnsafeBufferPointer<UInt8>) {
            var scanner = JSONScanner(text: text, maxDepth: maxDepth)
            do throws(Malformed) { try scanner.run() } catch { failure = error }
        }
        if bytes.withContiguousStorageIfAvailable(scan) == nil { Array(bytes).withUnsafeBufferPointer(scan) }
        if let failure { throw failure }
    }

    private init(text: UnsafeBufferPointer<UInt8>, maxDepth: Int) {
        self.text = text
        depthLimit = maxDepth
    }

    private mutating func run() throws(Malformed) {
        var expected = Expectation.value
        while true {
            skipSpace()
            guard position < text.count else { throw malformed("the text ends too early") }
            switch (expected, text[position]) {
            case (.valueOrEnd, UInt8(ascii: "]")), (.nameOrEnd, UInt8(ascii: "}")): try close()
            case (.name, UInt8(ascii: "\"")), (.nameOrEnd, UInt8(ascii: "\"")):
                try name()
                expected = .value
                continue
            case (.name, _), (.nameOrEnd, _): throw malformed("a member name in double quotes is missing")
            case (.separator, UInt8(ascii: ",")):
                position += 1
                expected = open[open.count - 1].isObject ? .name : .value
                continue
            case (.separator, let byte):
                let isObject = open[open.count - 1].isObject
                guard byte == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else {
                    throw malformed("a comma or the end of the \(isObject ? "object" : "array") is missing")
                }
                try close()
            case (_, UInt8(ascii: "{")):
                try begin(isObject: true)
                expected = .nameOrEnd
                continue
            case (_, UInt8(ascii: "[")):
                try begin(isObject: false)
                expected = .valueOrEnd
                continue
            default: try scalar()
            }
            if open.isEmpty { break }
            expected = .separator
        }
        skipSpace()
        if position < text.count { throw malformed("there is more after the value") }
    }

    private mutating func begin(isObject: Bool) throws(Malformed) {
        guard open.count < depthLimit else { throw malformed("nested deeper than \(depthLimit) levels") }
        open.append(Open(isObject: isObject))
        position += 1
    }

    private mutating func close() throws(Malformed) {
        open.removeLast()
        position += 1
    }

    private mutating func name() throws(Malformed) {
        let start = position
        let name = try string()
        guard open[open.count - 1].names.insert(name).inserted else {
            position = start
            throw malformed("the member name \"\(String(decoding: name.prefix(64), as: UTF8.self))\" occurs twice")
        }
        skipSpace()
        guard position < text.count, text[position] == UInt8(ascii: ":") else {
            throw malformed("a colon is missing after a member name")
        }
        position += 1
    }

    private mutating func scalar() throws(Malformed) {
        switch text[position] {
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "t"): try word("true")
        case UInt8(ascii: "f"): try word("false")
        case UInt8(ascii: "n"): try word("null")
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try number()
        default: throw malformed("a value is missing")
        }
    }

    private mutating func word(_ word: StaticString) throws(Malformed) {
        let length = word.utf8CodeUnitCount
        guard text.count - position >= length,
            (0..<length).allSatisfy({ text[position + $0] == word.utf8Start[$0] })
        else { throw malformed("a value is missing") }
        position += length
    }

    private mutating func number() throws(Malformed) {
        if text[position] == UInt8(ascii: "-") { position += 1 }
        let first = position
        try digits()
        guard text[first] != UInt8(ascii: "0") || position == first + 1 else {
            position = first
            throw malformed("a number may not begin with a zero")
        }
        if position < text.count, text[position] == UInt8(ascii: ".") {
            position += 1
            try digits()
        }
        guard position < text.count, text[position] | 0x20 == UInt8(ascii: "e") else { return }
        position += 1
        if position < text.count, text[position] == UInt8(ascii: "+") || text[position] == UInt8(ascii: "-") {
            position += 1
        }
        try digits()
    }

    private mutating func digits() throws(Malformed) {
        let start = position
        while position < text.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(text[position]) { position += 1 }
        if position == start { throw malformed("a digit is missing") }
    }

    private mutating func skipSpace() {
        while position < text.count {
            switch text[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }

    private func malformed(_ reason: String) -> Malformed {
        let before = text[..<min(position, text.count)]
        let line = before.reduce(1) { $1 == 0x0A ? $0 + 1 : $0 }
        let column = before.count - (before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0) + 1
        return Malformed(reason: reason, offset: before.count, line: line, column: column)
    }
}

extension JSONScanner {
    /// Reads a string and returns its content, escapes resolved, as UTF-8.
    private mutating func string() throws(Malformed) -> [UInt8] {
        position += 1
        var content: [UInt8] = []
        while position < text.count {
            switch text[position] {
            case UInt8(ascii: "\""):
                position += 1
                return content
            case UInt8(ascii: "\\"): try escape(into: &content)
            case 0x00..<0x20: throw malformed("a control character in a string")
            case 0x20..<0x80:
                content.append(text[position])
                position += 1
            default: try multibyte(into: &content)
            }
        }
        throw malformed("a string does not end")
    }

    private mutating func escape(into content: inout [UInt8]) throws(Malformed) {
        guard position + 1 < text.count else { throw malformed("a string does not end") }
        switch text[position + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(text[position + 1])
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "f"): content.append(0x0C)
        case UInt8(ascii: "n"): content.append(0x0A)
        case UInt8(ascii: "r"): content.append(0x0D)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "u"):
            content.append(contentsOf: UTF8.encode(try escapedScalar())!)
            return
        default: throw malformed("an unknown escape in a string")
        }
        position += 2
    }

    private mutating func escapedScalar() throws(Malformed) -> Unicode.Scalar {
        let start = position
        var value = try codeUnit()
        if (0xD800..<0xDC00).contains(value) {
            let low = try? codeUnit()
            guard let low, (0xDC00..<0xE000).contains(low) else {
                position = start
                throw malformed("half of a surrogate pair in a string")
            }
            value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(value) else {
            position = start
            throw malformed("half of a surrogate pair in a string")
        }
        return scalar
    }

    private mutating func codeUnit() throws(Malformed) -> UInt32 {
        guard position + 6 <= text.count, text[position] == UInt8(ascii: "\\"), text[position + 1] == UInt8(ascii: "u")
        else { throw malformed("an escape in a string is cut short") }
        var value: UInt32 = 0
        for index in position + 2..<position + 6 {
            guard let digit = Character(Unicode.Scalar(text[index])).hexDigitValue, text[index] < 0x80 else {
                throw malformed("an escape in a string needs four hexadecimal digits")
            }
            value = value << 4 | UInt32(digit)
        }
        position += 6
        return value
    }

    /// One character of two to four bytes, by the table of well-formed sequences (Unicode 15, table 3-7).
    private mutating func multibyte(into content: inout [UInt8]) throws(Malformed) {
        let first = text[position]
        let length: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch first {
        case 0xC2...0xDF: length = 2
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xE1...0xEF: length = 3
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: length = 4
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        default: throw malformed("a byte that is not UTF-8")
        }
        guard position + length <= text.count, second.contains(text[position + 1]),
            (2..<length).allSatisfy({ (0x80...0xBF).contains(text[position + $0]) })
        else { throw malformed("a byte that is not UTF-8") }
        content.append(contentsOf: text[position..<position + length])
        position += length
    }
}
