import Foundation

/// Servers that answer etcd's API, one or a cluster, on free ports of the loopback and in a temporary folder. They end,
/// and their data is removed, with the last reference.
///
///     let server = try await EtcdServer(.etcd())
///     let client = try EtcdClient(server.endpoints)
public final class EtcdServer: Sendable {
    public let members: [EtcdProcess]
    /// For whatever else a test writes; the data of the members is in it.
    public let folder: TemporaryDirectory

    /// Starts them, and waits until all are ready.
    ///
    /// - Parameters:
    ///   - count: members of the cluster.
    ///   - clientScheme: `https` when `flags` set up TLS for clients.
    ///   - flags: beside those for names, addresses and folders.
    public init(
        _ program: EtcdProgram, count: Int = 1, clientScheme: String = "http", peerScheme: String = "http",
        flags: [String] = []
    ) async throws {
        folder = try TemporaryDirectory()
        let ports = try await freePorts(2 * count)
        let names = (0..<count).map { "m\($0)" }
        let peerURLs = (0..<count).map { "\(peerScheme)://127.0.0.1:\(ports[count + $0])" }
        let cluster = zip(names, peerURLs).map { "\($0)=\($1)" }.joined(separator: ",")
        var members: [EtcdProcess] = []
        for index in 0..<count {
            let clientURL = "\(clientScheme)://127.0.0.1:\(ports[index])"
            let dataPath = folder.file(names[index])
            members.append(
                EtcdProcess(
                    name: names[index], program: program, clientURL: clientURL, clientPort: ports[index],
                    peerURL: peerURLs[index], dataPath: dataPath, logPath: folder.file("\(names[index]).log"),
                    flags: [
                        "--name", names[index], "--data-dir", dataPath, "--listen-client-urls", clientURL,
                        "--advertise-client-urls", clientURL, "--listen-peer-urls", peerURLs[index],
                        "--initial-advertise-peer-urls", peerURLs[index], "--initial-cluster", cluster,
                        "--initial-cluster-state", "new", "--initial-cluster-token", folder.url.lastPathComponent,
                    ] + program.quickFlags + flags))
        }
        self.members = members
        for member in members { try member.start() }
        for member in members { try await member.waitUntilReady() }
    }

    /// The URLs for clients, in the order of the members.
    public var endpoints: [String] { members.map(\.clientURL) }

    /// As the option `--endpoints` takes them.
    public var endpointList: String { endpoints.joined(separator: ",") }
}
