/// Finds the values of a JSON text one after the other, and says what is wrong in the words of Go's `encoding/json`, which
/// the clients of etcd's gateway know. The values themselves are read by swift-protobuf.
struct JSONScanner {
    struct Flaw: Error, Equatable {
        let message: String

        static let end = Flaw(message: "unexpected EOF")
    }

    /// Deeper ones are refused: Go's bound.
    static let maximumDepth = 10_000

    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// The bytes of the next value; nil when only white space is left. What follows a value is looked at by the next call.
    mutating func next() throws(Flaw) -> ArraySlice<UInt8>? {
        skipSpace()
        guard position < bytes.count else { return nil }
        let start = position
        // What is open around the value that is read.
        var isObject: [Bool] = []
        repeat {
            if try open(&isObject) { continue }
            try close(&isObject)
        } while !isObject.isEmpty
        return bytes[start..<position]
    }

    /// Reads the beginning of a value. - Returns: whether another value comes at once, inside of this one.
    private mutating func open(_ isObject: inout [Bool]) throws(Flaw) -> Bool {
        skipSpace()
        switch try peek() {
        case UInt8(ascii: "{"):
            position += 1
            try deeper(&isObject, true)
            skipSpace()
            if try peek() == UInt8(ascii: "}") { return false }
            try key()
            return true
        case UInt8(ascii: "["):
            position += 1
            try deeper(&isObject, false)
            skipSpace()
            return try peek() != UInt8(ascii: "]")
        case UInt8(ascii: "\""): try string()
        case UInt8(ascii: "t"): try literal("true")
        case UInt8(ascii: "f"): try literal("false")
        case UInt8(ascii: "n"): try literal("null")
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try number()
        default: throw flaw("looking for beginning of value")
        }
        return false
    }

    /// After a value: ends what it ends, up to a comma that announces another one.
    private mutating func close(_ isObject: inout [Bool]) throws(Flaw) {
        while let inObject = isObject.last {
            skipSpace()
            switch (try peek(), inObject) {
            case (UInt8(ascii: ","), true):
                position += 1
                skipSpace()
                return try key()
            case (UInt8(ascii: ","), false):
                position += 1
                return
            case (UInt8(ascii: "}"), true), (UInt8(ascii: "]"), false):
                position += 1
                isObject.removeLast()
            case (_, true): throw flaw("after object key:value pair")
            case (_, false): throw flaw("after array element")
            }
        }
    }

    private func deeper(_ isObject: inout [Bool], _ object: Bool) throws(Flaw) {
        guard isObject.count < Self.maximumDepth else { throw Flaw(message: "exceeded max depth") }
        isObject.append(object)
    }

    private mutating func key() throws(Flaw) {
        guard try peek() == UInt8(ascii: "\"") else { throw flaw("looking for beginning of object key string") }
        try string()
        skipSpace()
        guard try peek() == UInt8(ascii: ":") else { throw flaw("after object key") }
        position += 1
    }

    private mutating func string() throws(Flaw) {
        position += 1
        while true {
            switch try peek() {
            case UInt8(ascii: "\""):
                position += 1
                return
            case UInt8(ascii: "\\"):
                position += 1
                try escape()
            case 0..<0x20: throw flaw("in string literal")
            default: position += 1
            }
        }
    }

    private mutating func escape() throws(Flaw) {
        switch try peek() {
        case UInt8(ascii: "b"), UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"),
            UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "\""):
            position += 1
        case UInt8(ascii: "u"):
            position += 1
            for _ in 0..<4 {
                switch try peek() {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
                    UInt8(ascii: "A")...UInt8(ascii: "F"):
                    position += 1
                default: throw flaw("in \\u hexadecimal character escape")
                }
            }
        default: throw flaw("in string escape code")
        }
    }

    private mutating func literal(_ word: StaticString) throws(Flaw) {
        let letters = word.withUTF8Buffer { Array($0) }
        for (index, letter) in letters.enumerated() {
            guard try peek() == letter else {
                throw flaw("in literal \(word) (expecting '\(Character(UnicodeScalar(letters[index])))')")
            }
            position += 1
        }
    }

    private mutating func number() throws(Flaw) {
        if bytes[position] == UInt8(ascii: "-") { position += 1 }
        if try peek() == UInt8(ascii: "0") {
            position += 1
        } else {
            try digits("in numeric literal")
        }
        if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
            position += 1
            try digits("after decimal point in numeric literal")
        }
        guard position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") else { return }
        position += 1
        let sign = try peek()
        if sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { position += 1 }
        try digits("in exponent of numeric literal")
    }

    private mutating func digits(_ place: String) throws(Flaw) {
        guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(try peek()) else { throw flaw(place) }
        while position < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[position]) {
            position += 1
        }
    }

    private mutating func skipSpace() {
        while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) { position += 1 }
    }

    private func peek() throws(Flaw) -> UInt8 {
        guard position < bytes.count else { throw .end }
        return bytes[position]
    }

    private func flaw(_ place: String) -> Flaw {
        Flaw(message: "invalid character \(Self.quoted(bytes[position])) \(place)")
    }

    /// As Go's strconv quotes a byte.
    private static func quoted(_ byte: UInt8) -> String {
        switch byte {
        case UInt8(ascii: "'"): return "'\\''"
        case UInt8(ascii: "\""): return "'\"'"
        case UInt8(ascii: "\\"): return "'\\\\'"
        case UInt8(ascii: "\n"): return "'\\n'"
        case UInt8(ascii: "\r"): return "'\\r'"
        case UInt8(ascii: "\t"): return "'\\t'"
        case 0x20..<0x7F, 0xA1...0xAC, 0xAE...0xFF: return "'\(Character(UnicodeScalar(byte)))'"
        default:
            let hex = String(byte, radix: 16)
            return byte < 0x80 ? "'\\x\(hex.count < 2 ? "0" : "")\(hex)'" : "'\\u00\(hex)'"
        }
    }
}
