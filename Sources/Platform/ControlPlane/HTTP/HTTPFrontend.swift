import ApusEtcdAPI
import ApusGRPC
import ApusKV
import ApusNode
import ApusPrimitives
import NIOCore
import NIOHTTP1

/// What a member answers by HTTP/1.1: the JSON gateway, and what operators and their tools look at.
final class HTTPFrontend: Sendable {
    struct Limits: Sendable {
        /// Of a request's body.
        var bodyBytes: Int
        /// From the first byte of a request to its last.
        var request = TimeAmount.seconds(30)
        /// Between requests.
        var idle = TimeAmount.seconds(120)
    }

    let core: ControlCore
    let limits: Limits
    private let gateway: JSONGateway?
    /// How often `/health` was good and bad.
    let counts = Locked(HealthCounts())
    let origins: [String]
    let hosts: [String]

    /// - Parameter services: what the gateway calls; nil for a port that has no gateway.
    init(_ core: ControlCore, services: [GRPCService]?) {
        self.core = core
        let messageBytes = core.settings.maxRequestBytes + 512 << 10
        gateway = services.map { JSONGateway(GRPCLocalServices($0), messageBytes: messageBytes, memory: core.memory) }
        // Base64 has 4 letters for 3 bytes, and some JSON is around it.
        limits = Limits(bodyBytes: messageBytes * 2)
        origins = core.settings.corsOrigins
        hosts = core.settings.allowedHosts
    }

    /// Makes `channel` an HTTP/1.1 connection; on its event loop.
    func configure(_ channel: any Channel) throws {
        try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: true)
        try channel.pipeline.syncOperations.addHandler(
            HTTPConnection(limits: limits) { try await self.answer($0, $1) })
    }

    func answer(_ request: HTTPRequest, _ replier: HTTPReplier) async throws {
        var replier = replier
        if !request.isSecure, !allows(host: request.host) {
            return try await replier.send(
                .text(.misdirectedRequest, "etcd received your request, but the Host header was unrecognized.\n"))
        }
        if let origin = allowedOrigin(request) {
            replier.headers.add(name: "Access-Control-Allow-Headers", value: "accept, content-type, authorization")
            replier.headers.add(name: "Access-Control-Allow-Methods", value: "POST, GET, OPTIONS, PUT, DELETE")
            replier.headers.add(name: "Access-Control-Allow-Origin", value: origin)
        }
        if request.method == .OPTIONS {
            return try await replier.send(.init(.ok, type: "text/plain; charset=utf-8", ByteBuffer()))
        }
        let path = request.path.hasPrefix("/v3beta/") ? "/v3/" + request.path.dropFirst(8) : request.path
        if let gateway, path.hasPrefix("/v3/") { return try await gateway.answer(request, path, replier) }
        try await replier.send(await page(request, path))
    }

    private func page(_ request: HTTPRequest, _ path: String) async -> HTTPResponse {
        let page: (() async -> HTTPResponse)? =
            switch path {
            case "/version": { self.version }
            case "/health": { await self.health(request) }
            case "/metrics": { await self.metrics() }
            default: ReadinessCheck.named(by: path).map { checks in { await self.readiness(checks, request) } }
            }
        guard let page else { return .notFound }
        return request.method == .GET ? await page() : .onlyGet
    }

    private var version: HTTPResponse {
        .init(
            .ok, type: "application/json",
            ByteBuffer(string: "{\"etcdserver\":\"\(EtcdVersion.server)\",\"etcdcluster\":\"\(EtcdVersion.cluster)\"}"))
    }

    /// Keeps pages of other origins from reaching a node that listens on this machine only, by a name of theirs that leads
    /// here (CVE-2018-5702).
    private func allows(host: String) -> Bool { hosts.isEmpty || hosts.contains("*") || hosts.contains(host) }

    private func allowedOrigin(_ request: HTTPRequest) -> String? {
        if origins.isEmpty || origins.contains("*") { return "*" }
        guard let origin = request.head.headers.first(name: "origin"), origins.contains(origin) else { return nil }
        return origin
    }
}
