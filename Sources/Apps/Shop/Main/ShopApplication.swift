import ApusCoordination
import ApusGateway
import ApusHosting
import ApusKV
import ApusRPC
import Foundation
import Logging
import ServiceLifecycle

/// The parts of a shop in one process, ready to run: a store that they register in, the services, and the gateway.
struct ShopApplication: Sendable {
    let store: any CoordinationStore & Service
    let directory: ServiceDirectory
    let controls: ShopControls
    let members: [ShopMember]
    let gateway: Gateway?
    private let tenancy: FolderTenancy?

    /// Opens what is in the data folder and builds every part.
    init(_ settings: RunSettings, clock: WallClock = .system, logger: Logger) async throws {
        try DataFolder.prepare(settings.data)
        if let controlPlane = settings.controlPlane {
            tenancy = try await FolderTenancy(settings.data, instances: settings.names)
            store = try controlPlane.openStore(logger: logger)
        } else {
            tenancy = nil
            store = try DataFolder.openStore(settings.data)
            // Whoever registered in this store ran in a process that is gone: what its ports are now, nobody knows.
            _ = try await store.delete(DeleteRangeRequest(.prefix(ServiceInstance.keyPrefix)))
        }
        directory = ServiceDirectory(store: store, logger: logger)
        controls = ShopControls(store: store, allowsFaults: settings.allowsFaults, logger: logger)
        let client = PeerClient(ServiceClient(directory: directory), controls: controls)
        var members: [ShopMember] = []
        for part in ShopPart.services where settings.parts.contains(part) {
            for name in settings.names(of: part) {
                let instance = ShopInstance(part: part, id: name)
                let platform = ShopPlatform(
                    instance: instance, store: store, directory: directory, client: client, data: settings.data,
                    clock: clock, logger: logger, controls: controls)
                members.append(ShopMember(instance, host: try await part.makeHost(platform)))
            }
        }
        self.members = members
        let gatewaySettings = GatewaySettings(host: settings.host, port: settings.port)
        gateway =
            settings.parts.contains(.gateway)
            ? Gateway(routes: Self.routes, directory: directory, settings: gatewaySettings, logger: logger) : nil
    }

    /// What runs, in the order of the start; it stops in the opposite order.
    var services: [any Service] {
        var services: [any Service] = [store, directory]
        services += controls.services
        services += members as [any Service]
        if let gateway { services.append(GatewayAfter(members: members, directory: directory, gateway: gateway)) }
        return services
    }

    /// Lets go of the data folder, after the end of all services.
    func close() async {
        if let store = store as? EmbeddedStore { await store.close() }
        tenancy?.end()
    }

    /// Returns when every instance has registered itself, is known, and the gateway listens.
    func waitUntilReady() async throws {
        for member in members { try await member.host.waitUntilReady() }
        _ = try await gateway?.boundAddress
    }

    static let routes = [
        GatewayRoute(.exact("/"), to: "dashboard", methods: ["GET", "HEAD"]),
        GatewayRoute(.prefix("/users"), to: "user"),
        GatewayRoute(.prefix("/auth"), to: "auth"),
        GatewayRoute(.exact("/.well-known/jwks.json"), to: "auth"),
        GatewayRoute(.prefix("/products"), to: "inventory"),
        GatewayRoute(.prefix("/cart"), to: "cart"),
        GatewayRoute(.prefix("/orders"), to: "order"),
    ]
}

/// Opens the door once everybody is in: the gateway listens when all instances of this process are registered.
private struct GatewayAfter: Service {
    let members: [ShopMember]
    let directory: ServiceDirectory
    let gateway: Gateway

    func run() async throws {
        let isOpen = await cancelWhenGracefulShutdown {
            do {
                for member in members { try await member.host.waitUntilReady() }
                try await directory.waitUntilReady()
                return true
            } catch {
                return false
            }
        }
        if isOpen { try await gateway.run() }
    }
}
