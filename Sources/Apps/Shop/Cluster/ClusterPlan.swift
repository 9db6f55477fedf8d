import Foundation
import Logging

/// One process of a cluster: what it is and how it is started.
struct ClusterMember: Sendable, Equatable {
    enum Kind: Sendable, Equatable {
        case node, service, gateway
    }

    /// "node-1", "order-2", "gateway-1".
    let name: String
    let kind: Kind
    let program: String
    let arguments: [String]
    let environment: [String: String]
    /// Where it answers; nil for a service, which takes any free port and registers.
    let url: String?
}

/// All processes of a cluster, in the order in which they are started.
struct ClusterPlan: Sendable, Equatable {
    static let nodeCount = 3
    static let instanceCount = 2

    let nodes: [ClusterMember]
    let services: [ClusterMember]
    let gateways: [ClusterMember]
    /// What the services and gateways use.
    let controlPlane: ControlPlaneAccess

    var members: [ClusterMember] { nodes + services + gateways }

    struct Programs: Sendable {
        let shop: String
        let apus: String
    }

    /// - Parameters:
    ///   - nodePorts: nil when there is a control plane already.
    ///   - gatewayPorts: one for each gateway.
    ///   - environment: what the processes inherit; settings of the shop and of etcd are left out of it.
    init(
        _ settings: RunSettings, programs: Programs, nodePorts: ClusterPorts?, gatewayPorts: [Int],
        environment: [String: String]
    ) {
        var inherited = environment.filter { name, _ in
            !["SHOP_", "ETCD_", "APUSCTL_", "ETCDCTL_"].contains { name.hasPrefix($0) }
        }
        let data = settings.data.path(percentEncoded: false)
        nodes = nodePorts.map { Self.nodes($0, programs.apus, data: data, environment: inherited) } ?? []
        controlPlane = settings.controlPlane ?? ControlPlaneAccess(endpoints: nodes.compactMap(\.url))

        inherited.merge(controlPlane.environment) { $1 }
        inherited["SHOP_FAULTS"] = settings.allowsFaults ? "1" : "0"
        let shared = ["run", "--data", data, "--log-level", settings.logLevel.rawValue]
        func member(_ part: ShopPart, _ number: Int, _ more: [String] = [], url: String? = nil) -> ClusterMember {
            ClusterMember(
                name: "\(part.rawValue)-\(number)", kind: part == .gateway ? .gateway : .service,
                program: programs.shop,
                arguments: shared + ["--only", part.rawValue, "--number", String(number)] + more,
                environment: inherited, url: url)
        }
        services = ShopPart.services.flatMap { part in (1...Self.instanceCount).map { member(part, $0) } }
        gateways = gatewayPorts.enumerated().map { index, port in
            member(
                .gateway, index + 1, ["--host", settings.host, "--port", String(port)],
                url: Announcement.url(host: settings.host, port: port))
        }
    }

    private static func nodes(
        _ ports: ClusterPorts, _ program: String, data: String, environment: [String: String]
    ) -> [ClusterMember] {
        let names = ports.clients.indices.map { "node-\($0 + 1)" }
        let clients = ports.clients.map { "http://127.0.0.1:\($0)" }
        let peers = ports.peers.map { "http://127.0.0.1:\($0)" }
        let cluster = zip(names, peers).map { "\($0)=\($1)" }.joined(separator: ",")
        return names.indices.map { index in
            ClusterMember(
                name: names[index], kind: .node, program: program,
                arguments: [
                    "server", "--name", names[index], "--data-dir", "\(data)/control-plane/\(names[index])",
                    "--listen-client-urls", clients[index], "--advertise-client-urls", clients[index],
                    "--listen-peer-urls", peers[index], "--initial-advertise-peer-urls", peers[index],
                    "--initial-cluster", cluster, "--initial-cluster-token", "shop",
                    // Registrations and settings need no history; a revision that somebody watches from stays.
                    "--auto-compaction-retention", "1",
                ], environment: environment, url: clients[index])
        }
    }
}
