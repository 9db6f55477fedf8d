import NIOCore

/// Takes a message's body out of a stream of bytes.
enum BodyDecoder {
    enum Piece {
        case data(ByteBuffer)
        case more
        case end
    }

    case none
    case bytes(left: Int)
    case chunked(ChunkedDecoder)
    case untilClose

    init(_ length: BodyLength) {
        switch length {
        case .none: self = .none
        case .bytes(let count): self = .bytes(left: count)
        case .chunked: self = .chunked(ChunkedDecoder())
        case .untilClose: self = .untilClose
        }
    }

    mutating func next(_ input: inout ByteBuffer) throws(ChunkedDecoder.Malformed) -> Piece {
        switch self {
        case .none:
            return .end
        case .bytes(let left):
            guard left > 0 else { return .end }
            guard let data = input.readSlice(length: min(left, input.readableBytes)), data.readableBytes > 0 else {
                return .more
            }
            self = .bytes(left: left - data.readableBytes)
            return .data(data)
        case .chunked(var decoder):
            defer { self = .chunked(decoder) }
            return try decoder.next(&input)
        case .untilClose:
            guard let data = input.readSlice(length: input.readableBytes), data.readableBytes > 0 else { return .more }
            return .data(data)
        }
    }
}

/// Reads the chunked coding (RFC 9112, 7.1) strictly. Extensions and trailers are dropped.
struct ChunkedDecoder {
    struct Malformed: Error {}

    private enum State {
        /// In the digits of a chunk's size.
        case size(value: Int, digits: Int)
        /// After the digits, up to the line's end.
        case sizeExtension(value: Int)
        case sizeLineFeed(value: Int)
        case data(left: Int)
        case dataCarriageReturn
        case dataLineFeed
        /// At the start of a trailer line, or of the blank line that ends the body.
        case trailerStart
        case trailer
        case trailerLineFeed
        case endLineFeed
        case ended
    }

    /// Bytes of one size line, and of all trailers.
    static let maxLineBytes = 1024
    static let maxTrailerBytes = 8 << 10
    /// Hexadecimal digits of a size: 60 bits.
    static let maxSizeDigits = 15

    private var state = State.size(value: 0, digits: 0)
    private var lineBytes = 0

    mutating func next(_ input: inout ByteBuffer) throws(Malformed) -> BodyDecoder.Piece {
        while true {
            if case .ended = state { return .end }
            if case .data(let left) = state {
                guard let data = input.readSlice(length: min(left, input.readableBytes)), data.readableBytes > 0 else {
                    return .more
                }
                state = data.readableBytes == left ? .dataCarriageReturn : .data(left: left - data.readableBytes)
                return .data(data)
            }
            guard let byte = input.readInteger(as: UInt8.self) else { return .more }
            try step(byte)
        }
    }

    private mutating func step(_ byte: UInt8) throws(Malformed) {
        switch state {
        case .size(let value, let digits):
            if let digit = ASCII.hexValue(byte) {
                guard digits < Self.maxSizeDigits else { throw Malformed() }
                state = .size(value: value << 4 | Int(digit), digits: digits + 1)
            } else {
                guard digits > 0 else { throw Malformed() }
                lineBytes = 0
                switch byte {
                case ASCII.carriageReturn: state = .sizeLineFeed(value: value)
                case UInt8(ascii: ";"), ASCII.space, ASCII.tab: state = .sizeExtension(value: value)
                default: throw Malformed()
                }
            }
        case .sizeExtension(let value):
            try countLine(Self.maxLineBytes)
            if byte == ASCII.carriageReturn {
                state = .sizeLineFeed(value: value)
            } else {
                guard ASCII.isFieldValue(byte) else { throw Malformed() }
            }
        case .sizeLineFeed(let value):
            guard byte == ASCII.lineFeed else { throw Malformed() }
            lineBytes = 0
            state = value == 0 ? .trailerStart : .data(left: value)
        case .dataCarriageReturn:
            guard byte == ASCII.carriageReturn else { throw Malformed() }
            state = .dataLineFeed
        case .dataLineFeed:
            guard byte == ASCII.lineFeed else { throw Malformed() }
            state = .size(value: 0, digits: 0)
        case .trailerStart:
            if byte == ASCII.carriageReturn {
                state = .endLineFeed
            } else {
                guard ASCII.isToken(byte) else { throw Malformed() }
                state = .trailer
            }
        case .trailer:
            try countLine(Self.maxTrailerBytes)
            if byte == ASCII.carriageReturn {
                state = .trailerLineFeed
            } else {
                guard ASCII.isFieldValue(byte) else { throw Malformed() }
            }
        case .trailerLineFeed:
            guard byte == ASCII.lineFeed else { throw Malformed() }
            state = .trailerStart
        case .endLineFeed:
            guard byte == ASCII.lineFeed else { throw Malformed() }
            state = .ended
        case .data, .ended:
            throw Malformed()  // next() never hands these a byte
        }
    }

    private mutating func countLine(_ limit: Int) throws(Malformed) {
        lineBytes += 1
        guard lineBytes <= limit else { throw Malformed() }
    }
}
