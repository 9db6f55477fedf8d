import Hummingbird

/// Which methods a path has: tells a wrong method from an unknown path.
struct RouteTable: Sendable {
    private let responder: RouterResponder<ServiceContext>

    /// A second router, in which each path answers with its methods, resolves paths as the first one does.
    init(_ routes: [Router<ServiceContext>.RouteDescription]) {
        var paths: [(path: RouterPath, methods: Set<String>)] = []
        for route in routes {
            if let index = paths.firstIndex(where: { $0.path == route.path }) {
                paths[index].methods.insert(route.method.rawValue)
            } else {
                paths.append((route.path, [route.method.rawValue]))
            }
        }
        let router = Router(context: ServiceContext.self)
        for (path, methods) in paths {
            let allowed = methods.union(methods.contains("GET") ? ["HEAD"] : []).sorted().joined(separator: ",")
            router.get(path) { _, _ in Response(status: .ok, headers: [.allow: allowed]) }
        }
        responder = router.buildResponder()
    }

    /// Empty when there is no such path.
    func methods(at request: Request, context: ServiceContext) async -> [String] {
        var head = request.head
        head.method = .get
        let probe = Request(head: head, body: RequestBody(buffer: ByteBuffer()))
        guard let answer = try? await responder.respond(to: probe, context: context), let allow = answer.headers[.allow]
        else { return [] }
        return allow.split(separator: ",").map(String.init)
    }
}
