import Foundation
import NIOCore
import NIOPosix

/// The ports of the control plane's nodes. They are chosen once: a node is known to the others by its address.
struct ClusterPorts: Codable, Sendable, Equatable {
    let clients: [Int]
    let peers: [Int]

    /// Those that the folder has, or new ones.
    ///
    /// - Throws: `StartFailure`.
    static func kept(in folder: URL, count: Int) async throws -> ClusterPorts {
        let file = folder.appending(path: "ports.json")
        do {
            if let data = FileManager.default.contents(atPath: file.path(percentEncoded: false)) {
                let ports = try JSONDecoder().decode(ClusterPorts.self, from: data)
                guard ports.clients.count == count, ports.peers.count == count else {
                    throw CocoaError(.coderInvalidValue)
                }
                return ports
            }
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            let free = try await free(2 * count)
            let ports = ClusterPorts(clients: Array(free[..<count]), peers: Array(free[count...]))
            try JSONEncoder().encode(ports).write(to: file, options: .atomic)
            return ports
        } catch let failure as StartFailure {
            throw failure
        } catch {
            throw StartFailure(
                description: "\(file.path(percentEncoded: false)) does not tell the ports of the nodes: \(error)")
        }
    }

    /// Free ports of the loopback, all different.
    ///
    /// Below those that systems give to outgoing connections: one of these could have the port of a process that is about
    /// to start again, and whoever dials a dead process there can reach himself.
    ///
    /// - Throws: `StartFailure`.
    static func free(_ count: Int) async throws -> [Int] {
        var ports: [Int] = []
        for _ in 0..<(100 + count) where ports.count < count {
            let port = Int.random(in: 20_000..<32_000)
            guard !ports.contains(port) else { continue }
            let channel = try? await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .bind(host: "127.0.0.1", port: port).get()
            guard let channel else { continue }
            try? await channel.close()
            ports.append(port)
        }
        guard ports.count == count else {
            throw StartFailure(description: "there are no free ports from 20000 to 31999")
        }
        return ports
    }
}
