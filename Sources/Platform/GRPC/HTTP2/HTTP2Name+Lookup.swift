extension HTTP2Name {
    /// Which of the names these bytes are; `other` when none. Names on the wire are in lower case.
    @inline(__always)
    init(bytes: UnsafeRawBufferPointer) {
        switch bytes.count {
        case 2: self = bytes.is(.te)
        case 4: self = bytes.is(.host)
        case 5: self = bytes.is(.path)
        case 7: self = bytes.is(.method, .status, .scheme)
        case 10: self = bytes.is(.authority, .userAgent)
        case 11: self = bytes.is(.grpcStatus, .traceparent)
        case 12: self = bytes.is(.contentType, .grpcTimeout, .grpcMessage)
        case 13: self = bytes.is(.grpcEncoding, .authorization)
        case 14: self = bytes.is(.contentLength)
        case 20: self = bytes.is(.grpcAcceptEncoding)
        case 22: self = bytes.is(.grpcRetryPushback)
        case 23: self = bytes.is(.grpcStatusDetails)
        case 26: self = bytes.is(.grpcPreviousAttempts)
        default: self = .other
        }
    }
}

extension UnsafeRawBufferPointer {
    @inline(__always)
    fileprivate func `is`(_ name: HTTP2Name) -> HTTP2Name {
        equals(name.text) ? name : .other
    }

    @inline(__always)
    fileprivate func `is`(_ first: HTTP2Name, _ second: HTTP2Name, _ third: HTTP2Name = .other) -> HTTP2Name {
        if equals(first.text) { return first }
        return equals(second.text) ? second : `is`(third)
    }

    /// Whether these bytes are the ones of `text`.
    func equals(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        for index in 0..<count where self[index] != text.utf8Start[index] { return false }
        return true
    }

    /// These bytes as a decimal number of 1 to 18 digits and nothing else.
    func decimal() -> Int? {
        guard count > 0, count <= 18 else { return nil }
        var value = 0
        for byte in self {
            guard byte &- 0x30 < 10 else { return nil }
            value = value * 10 + Int(byte &- 0x30)
        }
        return value
    }

    var text: String { String(decoding: self, as: UTF8.self) }
}
