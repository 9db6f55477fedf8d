@testable import ApusGRPC

extension HTTP2SpecTests {
    private static func request(
        _ what: String, _ section: String, _ fields: [(String, String)], _ outcome: Outcome = .reset(.protocolError)
    ) -> Case {
        Case(section, what, [Wire.headers(1, Wire.block(fields))], outcome)
    }

    private static func field(
        _ what: String, _ section: String, _ name: String, _ value: String, _ outcome: Outcome = .reset(.protocolError)
    ) -> Case {
        request(what, section, Wire.requestFields + [(name, value)], outcome)
    }

    private static let length = Wire.request(with: [("content-length", "3")])
    private static let bare = Wire.requestFields

    /// Section 8.
    static let messages: [Case] = [
        Case(
            "8.1", "trailers", [Wire.headers(1, end: false), Wire.data(1, 1), Wire.headers(1, Wire.trailers)],
            .fine(answer)),
        Case(
            "8.1", "trailers without END_STREAM",
            [Wire.headers(1, end: false), Wire.headers(1, Wire.trailers, end: false)], .reset(.protocolError)),
        Case(
            "8.1", "pseudo fields in trailers",
            [Wire.headers(1, end: false), Wire.headers(1, Wire.block([(":path", "/")]))], .reset(.protocolError)),
        Case(
            "8.1.1", "DATA below content-length", [Wire.headers(1, length, end: false), Wire.data(1, 2, end: true)],
            .reset(.protocolError)),
        Case(
            "8.1.1", "DATA above content-length", [Wire.headers(1, length, end: false), Wire.data(1, 4)],
            .reset(.protocolError)),
        Case(
            "8.1.1", "several DATA below content-length",
            [Wire.headers(1, length, end: false), Wire.data(1, 1), Wire.data(1, 1, end: true)], .reset(.protocolError)),
        Case(
            "8.1.1", "trailers before content-length is reached",
            [Wire.headers(1, length, end: false), Wire.data(1, 1), Wire.headers(1, Wire.trailers)],
            .reset(.protocolError)),
        Case(
            "8.1.1", "DATA that adds up",
            [Wire.headers(1, length, end: false), Wire.data(1, 1), Wire.data(1, 2, end: true)], .fine(answer)),
        Case("8.1.1", "no DATA after content-length", [Wire.headers(1, length)], .reset(.protocolError)),
        field("a content-length that is no number", "8.1.1", "content-length", "1a"),
        field("a negative content-length", "8.1.1", "content-length", "-1"),
        request("two content-lengths", "8.1.1", bare + [("content-length", "0"), ("content-length", "1")]),
        field("upper case in a name", "8.2.1", "X-Test", "ok"),
        field("a blank in a name", "8.2.1", "x test", "ok"),
        field("a colon in a name", "8.2.1", "x:test", "ok"),
        field("an empty name", "8.2.1", "", "ok"),
        field("NUL in a value", "8.2.1", "x-test", "o\0k"),
        field("CR in a value", "8.2.1", "x-test", "o\rk"),
        field("LF in a value", "8.2.1", "x-test", "o\nk"),
        field("a blank before a value", "8.2.1", "x-test", " ok"),
        field("a tab after a value", "8.2.1", "x-test", "ok\t"),
        field("an empty value", "8.2.1", "x-test", "", .fine(answer)),
        field("blanks and other bytes in a value", "8.2.1", "x-test", "a b\té", .fine(answer)),
        field("connection", "8.2.2", "connection", "keep-alive"),
        field("keep-alive", "8.2.2", "keep-alive", "1"),
        field("proxy-connection", "8.2.2", "proxy-connection", "close"),
        field("transfer-encoding", "8.2.2", "transfer-encoding", "chunked"),
        field("upgrade", "8.2.2", "upgrade", "h2c"),
        field("te with another value", "8.2.2", "te", "trailers, deflate"),
        field("te: trailers", "8.2.2", "te", "trailers", .fine(answer)),
        field("an unknown pseudo field", "8.3", ":test", "ok"),
        field(":status in a request", "8.3", ":status", "200"),
        request("a pseudo field after a regular one", "8.3", [("x-test", "ok")] + bare),
        request("an empty :path", "8.3.1", [(":method", "GET"), (":scheme", "http"), (":path", "")]),
        request("no :method", "8.3.1", [(":scheme", "http"), (":path", "/")]),
        request("no :scheme", "8.3.1", [(":method", "GET"), (":path", "/")]),
        request("no :path", "8.3.1", [(":method", "GET"), (":scheme", "http")]),
        request("no field at all", "8.3.1", []),
        request(":method twice", "8.3.1", [(":method", "GET")] + bare),
        request(":scheme twice", "8.3.1", [(":scheme", "http")] + bare),
        request(":path twice", "8.3.1", [(":path", "/")] + bare),
        request("no :authority", "8.3.1", [(":method", "GET"), (":scheme", "http"), (":path", "/")], .fine(answer)),
        request("CONNECT", "8.5", [(":method", "CONNECT"), (":authority", "a:1")], .fine(answer)),
        request("CONNECT with :path", "8.5", [(":method", "CONNECT"), (":path", "/"), (":authority", "a:1")]),
    ]

    private static func compressed(_ section: String, _ what: String, _ hex: String) -> Case {
        Case(
            section, what, [Wire.headers(1, Wire.request + [UInt8](hex: hex))], .goAway(.compressionError),
            isFirst: section.hasSuffix("2.3.3"))
    }

    /// RFC 7541.
    static let compression: [Case] = [
        compressed("7541, 2.3.3", "an index beyond both tables", "be"),
        compressed("7541, 2.3.3", "a name index beyond both tables", "7f 01 01 61"),
        compressed("7541, 4.2", "a table size update at the end of a block", "20"),
        compressed("7541, 5.2", "a padding of more than 7 bits", "00 01 61 82 1f ff"),
        compressed("7541, 5.2", "a padding of zeros", "00 01 61 81 18"),
        compressed("7541, 5.2", "EOS in a string", "00 01 61 84 ff ff ff ff"),
        compressed("7541, 6.1", "index 0", "80"),
        Case(
            "7541, 6.3", "a table size above the limit", [Wire.headers(1, [0x3F, 0xE2, 0x1F] + Wire.request)],
            .goAway(.compressionError)),
        Case(
            "7541, 6.3", "a table size within the limit", [Wire.headers(1, [0x3F, 0xE1, 0x1F] + Wire.request)],
            .fine(answer)),
        Case(
            "4.3", "a block that ends within a field", [Wire.headers(1, Array(Wire.request.dropLast()))],
            .goAway(.compressionError)),
        Case(
            "4.3", "a refused stream's block still counts",
            [Wire.headers(1, [0x40, 1, 0x78, 1, 0x79]), Wire.headers(3, Wire.request + [0xBE])], .reset(.protocolError)),
    ]
}
