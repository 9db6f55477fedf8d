import ApusPrimitives
import NIOCore
import NIOPosix

/// Ports of the loopback that are free now, for servers that are started again, or know each other's before any has started.
///
/// Below those that the system gives to outgoing connections, which would otherwise take one between its choice and its use,
/// and no port twice.
public func freePorts(_ count: Int) async throws -> [Int] {
    var ports: [Int] = []
    while ports.count < count {
        let port = nextPort.withLock { next in
            next = next < 32_000 ? next + 1 : 10_000
            return next
        }
        guard
            let channel = try? await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .bind(host: "127.0.0.1", port: port).get()
        else { continue }
        try await channel.close()
        ports.append(port)
    }
    return ports
}

private let nextPort = Locked(Int.random(in: 10_000..<26_000))
