import Testing

@testable import ApusGRPC

struct HTTP2NameTests {
    @Test func everyNameIsFound() {
        for name in HTTP2Name.allCases where name != .other {
            let bytes = UnsafeRawBufferPointer(name.text)
            #expect(HTTP2Name(bytes: bytes) == name)
            #expect(HTTP2FieldKind(name, bytes) != .malformed)
            let other = Array(bytes.dropLast()) + [UInt8(ascii: "~")]
            #expect(other.withUnsafeBytes { HTTP2Name(bytes: $0) } == .other)
        }
    }

    @Test(
        "8.2: upper case, blanks, control characters, colons and HTTP/1.1's connection fields",
        arguments: [
            "", "Grpc-Status", "a b", "a\u{7F}", "a\u{1}", "é", "a:b", ":unknown", "connection", "keep-alive",
            "proxy-connection", "transfer-encoding", "upgrade",
        ])
    func malformed(_ name: String) {
        let kind = Array(name.utf8).withUnsafeBytes { HTTP2FieldKind(HTTP2Name(bytes: $0), $0) }
        #expect(kind == .malformed)
    }

    @Test func listsAnswerWithoutStrings() {
        var headers = HTTP2Headers.request
        headers.append(.grpcStatus, "13")
        headers.append(.contentLength, "x1")
        #expect(headers.has(.te, "trailers") && !headers.has(.te, "trailer") && !headers.has(.host, ""))
        #expect(headers.string(.path) == "/echo.Echo/Say" && headers.string(.grpcTimeout) == nil)
        #expect(headers.integer(.grpcStatus) == 13 && headers.integer(.contentLength) == nil)
        #expect(headers.listBytes == headers.list.reduce(0) { $0 + $1.utf8.count - 2 + 32 })
        headers.removeAll()
        #expect(headers.isEmpty && !headers.contains(.path) && headers.listBytes == 0)
    }
}
