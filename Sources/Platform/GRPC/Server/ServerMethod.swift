import NIOCore

/// A method as a server finds it: shared by all its connections.
final class ServerMethod: Sendable {
    /// "package.Service/Method".
    let path: String
    let handler: GRPCService.Handler

    init(path: String, handler: GRPCService.Handler) {
        self.path = path
        self.handler = handler
    }
}

/// Finds methods by the bytes of a request's path, without making a string of them. Made once, read by all.
struct MethodTable: Sendable {
    private let buckets: [[Entry]]
    private let services: Set<String>

    private struct Entry: Sendable {
        let path: [UInt8]
        let method: ServerMethod
    }

    init(_ services: [GRPCService]) {
        var methods: [String: ServerMethod] = [:]
        for service in services {
            for method in service.methods {
                let path = "\(service.name)/\(method.name)"
                methods[path] = ServerMethod(path: path, handler: method.handler)
            }
        }
        var count = 16
        while count < methods.count * 2 { count *= 2 }
        var buckets = [[Entry]](repeating: [], count: count)
        for method in methods.values.sorted(by: { $0.path < $1.path }) {
            let path = Array("/\(method.path)".utf8)
            let bucket = path.withUnsafeBytes { Self.hash($0) } & (count - 1)
            buckets[bucket].append(Entry(path: path, method: method))
        }
        self.buckets = buckets
        self.services = Set(services.map(\.name))
    }

    @inline(__always)
    func find(_ path: UnsafeRawBufferPointer) -> ServerMethod? {
        for entry in buckets[Self.hash(path) & (buckets.count - 1)] where entry.path.count == path.count {
            if entry.path.withUnsafeBytes({ $0.elementsEqual(path) }) { return entry.method }
        }
        return nil
    }

    /// What a caller of a method that is not there is told.
    func missing(_ path: String) -> GRPCError {
        let parts = path.split(separator: "/", omittingEmptySubsequences: true)
        let service = parts.first.map(String.init) ?? ""
        let method = parts.dropFirst().joined(separator: "/")
        let message =
            services.contains(service)
            ? "unknown method \(method) for service \(service)" : "unknown service \(service)"
        return GRPCError(.unimplemented, message)
    }

    /// FNV-1a over the last 16 bytes, where paths differ, and the length. The table is ours: nobody can fill a bucket.
    @inline(__always)
    private static func hash(_ path: UnsafeRawBufferPointer) -> Int {
        var hash: UInt32 = 2_166_136_261 ^ UInt32(truncatingIfNeeded: path.count)
        for byte in path.suffix(16) { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
        return Int(hash ^ hash >> 15)
    }
}
