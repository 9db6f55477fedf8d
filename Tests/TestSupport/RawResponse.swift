/// An HTTP/1.1 response as it came over the wire.
public struct RawResponse: Sendable, CustomStringConvertible {
    public struct Malformed: Error, CustomStringConvertible {
        public let description: String
    }

    public let status: Int
    public let reason: String
    /// In order, names as they were sent.
    public let headers: [(name: String, value: String)]
    /// Chunks are joined.
    public let body: [UInt8]

    public var bodyText: String { String(decoding: body, as: UTF8.self) }

    public var description: String { "\(status) \(reason) \(headers) \(bodyText)" }

    /// The first field of that name, in any case.
    public func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }

    /// The first response in `bytes` and its length; nil when it is not complete.
    static func parse(
        _ bytes: ArraySlice<UInt8>, isHead: Bool, ended: Bool
    ) throws -> (response: RawResponse, length: Int)? {
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else {
            if ended { throw Malformed(description: "no response, but \(bytes.count) bytes and the end") }
            return nil
        }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).split(
            separator: "\r\n", omittingEmptySubsequences: false)
        let status = lines[0].split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard status.count >= 2, status[0].hasPrefix("HTTP/1."), let code = Int(status[1]) else {
            throw Malformed(description: "not a status line: \(lines[0])")
        }
        let headers = try lines.dropFirst().map { line in
            guard let colon = line.firstIndex(of: ":") else { throw Malformed(description: "not a field: \(line)") }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            return (name: String(line[..<colon]), value: String(value))
        }
        guard let (body, rest) = try body(of: code, headers, bytes[end.upperBound...], isHead, ended) else {
            return nil
        }
        let response = RawResponse(
            status: code, reason: status.count > 2 ? String(status[2]) : "", headers: headers, body: body)
        return (response, rest - bytes.startIndex)
    }

    private static func body(
        of status: Int, _ headers: [(name: String, value: String)], _ bytes: ArraySlice<UInt8>, _ isHead: Bool,
        _ ended: Bool
    ) throws -> (body: [UInt8], end: Int)? {
        func value(_ name: String) -> String? { headers.first { $0.name.lowercased() == name }?.value }
        if isHead || status < 200 || status == 204 || status == 304 { return ([], bytes.startIndex) }
        if value("transfer-encoding")?.lowercased() == "chunked" { return try chunks(bytes, ended) }
        if let text = value("content-length") {
            guard let length = Int(text), length >= 0 else { throw Malformed(description: "length \(text)") }
            guard bytes.count >= length else {
                if ended { throw Malformed(description: "\(bytes.count) of \(length) bytes, then the end") }
                return nil
            }
            return (Array(bytes.prefix(length)), bytes.startIndex + length)
        }
        return ended ? (Array(bytes), bytes.endIndex) : nil
    }

    private static func chunks(_ bytes: ArraySlice<UInt8>, _ ended: Bool) throws -> (body: [UInt8], end: Int)? {
        let lineEnd = Array("\r\n".utf8)
        var body: [UInt8] = []
        var rest = bytes
        while let line = rest.firstRange(of: lineEnd) {
            let text = String(decoding: rest[..<line.lowerBound].prefix { $0 != UInt8(ascii: ";") }, as: UTF8.self)
            guard let size = Int(text, radix: 16) else { throw Malformed(description: "chunk size \(text)") }
            rest = rest[line.upperBound...]
            guard rest.count >= size + 2 else { break }
            body += rest.prefix(size)
            rest = rest.dropFirst(size + 2)
            if size == 0 { return (body, rest.startIndex) }
        }
        if ended { throw Malformed(description: "the connection ended within a chunked body") }
        return nil
    }
}
