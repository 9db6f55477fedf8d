/// Where a server listens.
public enum GRPCEndpoint: Hashable, Sendable, CustomStringConvertible {
    /// A name or an address, and a port from 1 to 65535.
    case host(String, port: Int)
    case unixSocket(path: String)

    /// Reads `host:port`, `[v6]:port` or `unix:path`; nil for anything else.
    public init?(_ text: String) {
        if text.hasPrefix("unix:") {
            let path = text.dropFirst(5)
            guard !path.isEmpty else { return nil }
            self = .unixSocket(path: path.hasPrefix("//") ? String(path.dropFirst(2)) : String(path))
            return
        }
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), port > 0 else {
            return nil
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty else { return nil }
        self = .host(String(host), port: Int(port))
    }

    public var description: String {
        switch self {
        case .host(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unixSocket(let path): "unix:\(path)"
        }
    }
}

/// Tells a client where the servers of its name are, now and whenever that changes.
public struct GRPCResolver: Sendable {
    /// Runs for as long as the client does, and hands over the whole list whenever it changes. An empty list is ignored: the last
    /// good one stays. When it throws, the client keeps its list and starts it again after its connection backoff.
    public let watch: @Sendable (_ update: @Sendable ([GRPCEndpoint]) -> Void) async throws -> Void

    public init(watch: @escaping @Sendable (_ update: @Sendable ([GRPCEndpoint]) -> Void) async throws -> Void) {
        self.watch = watch
    }

    /// A list that never changes.
    public static func fixed(_ endpoints: [GRPCEndpoint]) -> GRPCResolver {
        GRPCResolver { update in update(endpoints) }
    }
}

/// Which of several servers a call goes to.
public enum GRPCBalancing: Hashable, Sendable {
    /// The first that can be reached, in the order of the list; all calls go there until its connection is lost.
    case pickFirst
    /// One after the other, over all that can be reached.
    case roundRobin
}
