import NIOCore
import NIOHTTP1

/// A request that has come whole.
struct HTTPRequest: Sendable {
    let head: HTTPRequestHead
    let body: ByteBuffer
    /// It came by TLS.
    let isSecure: Bool
    let remote: SocketAddress?
    /// Without the query; still percent-encoded, which no path of ours is.
    let path: String
    private let query: Substring

    init(head: HTTPRequestHead, body: ByteBuffer, isSecure: Bool, remote: SocketAddress?) {
        self.head = head
        self.body = body
        self.isSecure = isSecure
        self.remote = remote
        let parts = head.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        path = String(parts.first ?? "")
        query = parts.count > 1 ? parts[1] : ""
    }

    var method: HTTPMethod { head.method }

    /// The values of a name in the query; without a value it is "".
    func queryValues(_ name: String) -> [String] {
        query.split(separator: "&").compactMap { pair in
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard sides[0] == name else { return nil }
            return sides.count > 1 ? String(sides[1]) : ""
        }
    }

    /// The host that the request is for, without its port.
    var host: String {
        let host = head.headers.first(name: "host") ?? ""
        if host.hasPrefix("["), let end = host.firstIndex(of: "]") {
            return String(host[host.index(after: host.startIndex)..<end])
        }
        return String(host.prefix { $0 != ":" })
    }
}

/// An answer that is written at once.
struct HTTPResponse: Sendable {
    var status: HTTPResponseStatus
    var headers: HTTPHeaders = [:]
    var body: ByteBuffer

    init(_ status: HTTPResponseStatus, type: String, _ body: ByteBuffer, headers: HTTPHeaders = [:]) {
        self.status = status
        self.headers = headers
        self.headers.replaceOrAdd(name: "Content-Type", value: type)
        self.body = body
    }

    /// As Go's `http.Error`.
    static func text(_ status: HTTPResponseStatus, _ text: String, headers: HTTPHeaders = [:]) -> HTTPResponse {
        var response = HTTPResponse(
            status, type: "text/plain; charset=utf-8", ByteBuffer(string: text), headers: headers)
        response.headers.replaceOrAdd(name: "X-Content-Type-Options", value: "nosniff")
        return response
    }

    static let notFound = text(.notFound, "404 page not found\n")

    static let onlyGet = text(.methodNotAllowed, "Method Not Allowed\n", headers: ["Allow": "GET"])
}
