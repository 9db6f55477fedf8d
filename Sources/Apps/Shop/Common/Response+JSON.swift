import ApusRPC
import HTTPTypes
import Hummingbird
import NIOCore

extension Response {
    /// A JSON answer; not to be cached unless it says so.
    static func json(
        _ value: some Encodable, status: HTTPResponse.Status = .ok, cacheControl: String = "no-store"
    ) throws -> Response {
        Response(
            status: status, headers: [.contentType: "application/json", .cacheControl: cacheControl],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: try JSONCoding.encode(value))))
    }

    static let noContent = Response(status: .noContent)
}
