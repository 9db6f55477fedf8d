extension TraceContext {
    /// The names of the header fields, in lower case.
    public static let parentHeader = "traceparent"
    public static let stateHeader = "tracestate"

    /// Reads `version-traceid-parentid-flags` as section 3.2 of the specification says: lower-case digits only, version
    /// `ff` and identifiers of zeros refused, a future version read by its first four fields.
    public init?(traceparent: String, tracestate: [String] = []) {
        let text = Array(traceparent.utf8)
        guard text.count >= 55, text[2] == Self.dash, text[35] == Self.dash, text[52] == Self.dash,
            let version = Hex.value(text[0..<2]), version != 0xFF,
            let high = Hex.value(text[3..<19]), let low = Hex.value(text[19..<35]),
            let traceID = TraceID(high: high, low: low),
            let span = Hex.value(text[36..<52]), let spanID = SpanID(span),
            let flags = Hex.value(text[53..<55])
        else { return nil }
        // Version 00 ends here; a later one may go on, after another dash.
        guard text.count == 55 || (version > 0 && text[55] == Self.dash) else { return nil }
        self.init(
            traceID: traceID, spanID: spanID, isSampled: flags & 1 == 1, traceState: TraceState(headers: tracestate))
    }

    /// What to send on: always version 00, and no flag but the one that version defines.
    public var traceparent: String {
        "00-\(traceID)-\(spanID)-\(isSampled ? "01" : "00")"
    }

    private static let dash = UInt8(ascii: "-")
}

enum Hex {
    private static let digits = Array("0123456789abcdef".utf8)

    /// Sixteen digits.
    static func string(_ value: UInt64) -> String {
        String(unsafeUninitializedCapacity: 16) { buffer in
            for index in 0..<16 {
                buffer[index] = digits[Int(value >> UInt64(60 - index * 4) & 0xF)]
            }
            return 16
        }
    }

    /// At most sixteen lower-case digits; nil for anything else.
    static func value(_ text: ArraySlice<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        for byte in text {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt64(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt64(byte - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return value
    }
}
