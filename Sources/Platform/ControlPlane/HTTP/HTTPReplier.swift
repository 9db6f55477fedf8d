import NIOCore
import NIOHTTP1

/// Writes the answer to one request. Used by one task.
struct HTTPReplier: Sendable {
    let channel: any Channel
    let request: HTTPRequestHead
    /// On every answer.
    var headers: HTTPHeaders = [:]

    func send(_ response: HTTPResponse) async throws {
        var headers = self.headers
        headers.add(contentsOf: response.headers)
        headers.replaceOrAdd(name: "Content-Length", value: String(response.body.readableBytes))
        write(response.status, headers)
        // The answer to HEAD tells the length of what it does not have.
        if request.method != .HEAD, response.body.readableBytes > 0 {
            channel.write(HTTPServerResponsePart.body(.byteBuffer(response.body)), promise: nil)
        }
        try await end()
    }

    /// Begins an answer of unknown length.
    func begin(_ status: HTTPResponseStatus, _ more: HTTPHeaders) async throws {
        var headers = self.headers
        headers.add(contentsOf: more)
        write(status, headers)
        channel.flush()
    }

    /// Waits until the system has taken it, so that a slow reader holds one message and no more.
    func write(_ bytes: ByteBuffer) async throws {
        try await channel.writeAndFlush(HTTPServerResponsePart.body(.byteBuffer(bytes))).get()
    }

    func end() async throws {
        try await channel.writeAndFlush(HTTPServerResponsePart.end(nil)).get()
    }

    private func write(_ status: HTTPResponseStatus, _ headers: HTTPHeaders) {
        var headers = headers
        headers.replaceOrAdd(name: "Date", value: HTTPDate.now())
        if !request.isKeepAlive { headers.replaceOrAdd(name: "Connection", value: "close") }
        channel.write(
            HTTPServerResponsePart.head(HTTPResponseHead(version: .http1_1, status: status, headers: headers)),
            promise: nil)
    }
}
