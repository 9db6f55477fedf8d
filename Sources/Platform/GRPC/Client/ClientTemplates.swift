/// The fields that a client sends with every call of a method: encoded once for each connection and method.
struct ClientTemplates {
    private let scheme: String
    private let authority: String
    private var known: [String: HTTP2Template] = [:]
    private var last: (path: String, template: HTTP2Template)?

    init(scheme: String, authority: String) {
        self.scheme = scheme
        self.authority = authority
    }

    /// The template of a method; nil when the connection knows too many, and `fields` are sent in full.
    mutating func template(for path: String, in http2: inout HTTP2Connection) -> HTTP2Template? {
        if let last, last.path == path { return last.template }
        var template = known[path]
        if template == nil {
            template = http2.template(fields(for: path))
            known[path] = template
        }
        if let template { last = (path, template) }
        return template
    }

    func fields(for path: String) -> HTTP2Headers {
        var fields = HTTP2Headers()
        fields.append(.method, "POST")
        fields.append(.scheme, scheme)
        fields.append(.path, "/\(path)")
        fields.append(.authority, authority)
        fields.append(.te, "trailers")
        fields.append(.contentType, "application/grpc")
        fields.append(.userAgent, "grpc-swift-apus/1.0")
        fields.append(.grpcAcceptEncoding, "identity,gzip")
        return fields
    }
}
