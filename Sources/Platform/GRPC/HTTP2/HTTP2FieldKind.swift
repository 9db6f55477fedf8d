/// What RFC 9113, section 8.2 says about a field name.
enum HTTP2FieldKind: UInt8 {
    case regular
    /// One of the pseudo fields that are defined for requests and responses.
    case pseudo
    /// `te`: only with the value `trailers`.
    case te
    /// `content-length`: a decimal number, which DATA must add up to.
    case contentLength
    /// About the connection of HTTP/1.1, in upper case, empty, with a byte that no name has, or an unknown pseudo field.
    case malformed

    init(_ known: HTTP2Name, _ name: UnsafeRawBufferPointer) {
        switch known {
        case .other: self = Self.isRegular(name) ? .regular : .malformed
        case .te: self = .te
        case .contentLength: self = .contentLength
        default: self = known.isPseudo ? .pseudo : .regular
        }
    }

    private static func isRegular(_ name: UnsafeRawBufferPointer) -> Bool {
        guard !name.isEmpty else { return false }
        for byte in name where !isNameByte(byte) { return false }
        switch name.count {
        case 7: return !name.equals("upgrade")
        case 10: return !name.equals("connection") && !name.equals("keep-alive")
        case 16: return !name.equals("proxy-connection")
        case 17: return !name.equals("transfer-encoding")
        default: return true
        }
    }

    /// The token characters of RFC 9110, section 5.6.2, but for the letters in upper case.
    @inline(__always)
    private static func isNameByte(_ byte: UInt8) -> Bool {
        if byte < 64 { return (0x03FF_6CFA_0000_0000 as UInt64) >> UInt64(byte) & 1 == 1 }
        if byte < 128 { return (0x57FF_FFFF_C000_0000 as UInt64) >> UInt64(byte &- 64) & 1 == 1 }
        return false
    }

    /// Whether RFC 9113, section 8.2.1 takes a field value: no NUL, CR or LF, no blank at either end.
    static func isValue(_ value: UnsafeRawBufferPointer) -> Bool {
        guard let first = value.first, let last = value.last else { return true }
        if isBlank(first) || isBlank(last) { return false }
        for byte in value where byte == 0 || byte == 0x0A || byte == 0x0D { return false }
        return true
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
}
