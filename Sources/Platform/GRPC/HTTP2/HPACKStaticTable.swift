/// The static table of HPACK (RFC 7541, appendix A). Indices begin at 1.
// Safe: what `entries` points to is never written to again.
struct HPACKStaticTable: @unchecked Sendable {
    struct Entry {
        let name: StaticString
        let value: StaticString
        let known: HTTP2Name
        let kind: HTTP2FieldKind
    }

    static let count = 61
    static let standard = HPACKStaticTable()

    /// The entries; index 0 is none. They live as long as the process, so that nobody counts references to them.
    let entries: UnsafePointer<Entry>
    /// For each known name, the first index that has it; 0 when none has.
    let firstIndex: [UInt8]

    private init() {
        var entries = [Entry(name: "", value: "", known: .other, kind: .malformed)]
        var firstIndex = [UInt8](repeating: 0, count: HTTP2Name.allCases.count)
        for (index, (name, value)) in Self.fields.enumerated() {
            let bytes = UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
            let known = HTTP2Name(bytes: bytes)
            entries.append(Entry(name: name, value: value, known: known, kind: HTTP2FieldKind(known, bytes)))
            if known != .other, firstIndex[Int(known.rawValue)] == 0 {
                firstIndex[Int(known.rawValue)] = UInt8(index + 1)
            }
        }
        let memory = UnsafeMutablePointer<Entry>.allocate(capacity: entries.count)
        memory.initialize(from: entries, count: entries.count)
        self.entries = UnsafePointer(memory)
        self.firstIndex = firstIndex
    }

    private static let fields: [(StaticString, StaticString)] = [
        (":authority", ""), (":method", "GET"), (":method", "POST"), (":path", "/"), (":path", "/index.html"),
        (":scheme", "http"), (":scheme", "https"), (":status", "200"), (":status", "204"), (":status", "206"),
        (":status", "304"), (":status", "400"), (":status", "404"), (":status", "500"), ("accept-charset", ""),
        ("accept-encoding", "gzip, deflate"), ("accept-language", ""), ("accept-ranges", ""), ("accept", ""),
        ("access-control-allow-origin", ""), ("age", ""), ("allow", ""), ("authorization", ""), ("cache-control", ""),
        ("content-disposition", ""), ("content-encoding", ""), ("content-language", ""), ("content-length", ""),
        ("content-location", ""), ("content-range", ""), ("content-type", ""), ("cookie", ""), ("date", ""),
        ("etag", ""), ("expect", ""), ("expires", ""), ("from", ""), ("host", ""), ("if-match", ""),
        ("if-modified-since", ""), ("if-none-match", ""), ("if-range", ""), ("if-unmodified-since", ""),
        ("last-modified", ""), ("link", ""), ("location", ""), ("max-forwards", ""), ("proxy-authenticate", ""),
        ("proxy-authorization", ""), ("range", ""), ("referer", ""), ("refresh", ""), ("retry-after", ""),
        ("server", ""), ("set-cookie", ""), ("strict-transport-security", ""), ("transfer-encoding", ""),
        ("user-agent", ""), ("vary", ""), ("via", ""), ("www-authenticate", ""),
    ]
}
