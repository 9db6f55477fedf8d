/// The routes in the order in which they are asked.
struct RouteTable: Sendable {
    struct Entry: Sendable {
        let route: GatewayRoute
        let path: [UInt8]
        let isExact: Bool
        let methods: [[UInt8]]?
        /// The route's name in metrics: its path, with a star for what may follow.
        let label: String
    }

    enum Match: Equatable {
        /// The index of the route in `entries`.
        case route(Int)
        /// Routes exist for the path, but none takes the method.
        case methodNotAllowed(allowed: [String])
        case none
    }

    let entries: [Entry]
    private let hidden: [[UInt8]]

    init(_ routes: [GatewayRoute], hiddenPrefixes: [String] = []) {
        let sorted = routes.enumerated().sorted { left, right in
            let a = (left.element.isExact ? 0 : 1, -left.element.path.utf8.count, left.offset)
            return a < (right.element.isExact ? 0 : 1, -right.element.path.utf8.count, right.offset)
        }
        entries = sorted.map { Entry($0.element) }
        hidden = hiddenPrefixes.map { Self.trimmed($0).map(ASCII.lowercase) }
    }

    /// - Parameter path: decoded, and unambiguous by `RoutingPath`.
    func match(path: UnsafeRawBufferPointer, method: UnsafeRawBufferPointer) -> Match {
        for prefix in hidden where Self.isPrefix(prefix, of: path, fold: true) { return .none }
        var allowed: [String] = []
        for (index, entry) in entries.enumerated() where entry.takes(path) {
            guard let methods = entry.methods else { return .route(index) }
            if methods.contains(where: { method.elementsEqual($0) }) { return .route(index) }
            for name in entry.route.methods ?? [] where !allowed.contains(name) { allowed.append(name) }
        }
        return allowed.isEmpty ? .none : .methodNotAllowed(allowed: allowed.sorted())
    }

    /// Whether `path` is `prefix` or below it.
    fileprivate static func isPrefix(_ prefix: [UInt8], of path: UnsafeRawBufferPointer, fold: Bool = false) -> Bool {
        guard path.count >= prefix.count else { return false }
        for index in prefix.indices {
            let byte = fold ? ASCII.lowercase(path[index]) : path[index]
            guard byte == prefix[index] else { return false }
        }
        return path.count == prefix.count || path[prefix.count] == ASCII.slash
    }

    fileprivate static func trimmed(_ path: String) -> [UInt8] {
        var bytes = Array(path.utf8)
        while bytes.last == ASCII.slash { bytes.removeLast() }
        return bytes
    }
}

extension RouteTable.Entry {
    fileprivate init(_ route: GatewayRoute) {
        self.route = route
        isExact = route.isExact
        path = route.isExact ? Array(route.path.utf8) : RouteTable.trimmed(route.path)
        methods = route.methods?.map { Array($0.utf8) }
        label = route.isExact ? route.path : (route.path.hasSuffix("/") ? route.path : route.path + "/") + "*"
    }

    fileprivate func takes(_ path: UnsafeRawBufferPointer) -> Bool {
        isExact ? path.elementsEqual(self.path) : RouteTable.isPrefix(self.path, of: path)
    }
}

extension GatewayRoute {
    fileprivate var isExact: Bool {
        if case .exact = match { return true }
        return false
    }
}
