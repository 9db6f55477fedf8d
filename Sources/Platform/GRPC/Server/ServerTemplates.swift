/// The fields that a server sends with nearly every answer: encoded once for each connection.
final class ServerTemplates {
    private(set) var headers: HTTP2Template?
    private(set) var gzipHeaders: HTTP2Template?
    private(set) var okTrailers: HTTP2Template?

    static let headerFields: HTTP2Headers = {
        var fields = HTTP2Headers()
        fields.append(.status, "200")
        fields.append(.contentType, "application/grpc")
        return fields
    }()

    static let gzipHeaderFields: HTTP2Headers = {
        var fields = headerFields
        fields.append(.grpcEncoding, "gzip")
        return fields
    }()

    static let okTrailerFields: HTTP2Headers = {
        var fields = HTTP2Headers()
        fields.append(.grpcStatus, "0")
        return fields
    }()

    func register(_ http2: inout HTTP2Connection) {
        headers = http2.template(Self.headerFields)
        gzipHeaders = http2.template(Self.gzipHeaderFields)
        okTrailers = http2.template(Self.okTrailerFields)
    }
}
