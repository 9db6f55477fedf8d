import ApusCoordination
import ApusHosting
import ApusObservability
import ApusRPC
import ApusResilience
import ApusSQL
import Foundation
import Hummingbird
import Logging
import ServiceLifecycle

/// What an instance of a service is built from. Its factory opens the service's database, makes the routes and returns
/// the host that serves them.
struct ShopPlatform: Sendable {
    let instance: ShopInstance
    let store: any CoordinationStore
    let directory: ServiceDirectory
    /// Calls other services by name.
    let client: PeerClient
    /// The folder that holds each service's database file.
    let data: URL
    let clock: WallClock
    let logger: Logger
    /// What the operator may change while the process runs; each instance adds its own.
    let controls: ShopControls

    /// The path of a file in the data folder: `platform.file("payment.key")`.
    func file(_ name: String) -> String {
        data.appending(path: name).path(percentEncoded: false)
    }

    /// The database of this service, `user.db` for the service `user`, with its schema up to date. Instances share the
    /// file.
    func openDatabase(_ migrations: [SQLMigration]) async throws -> SQLiteDatabase {
        let path = file("\(instance.service).db")
        do {
            let database = try SQLiteDatabase(path: path)
            try await database.migrate(migrations)
            return database
        } catch {
            throw StartFailure(description: "the database \(path) cannot be opened: \(error)")
        }
    }

    /// The live settings of this service, in the namespace of its name. It is a `Service`: hand it to `host`.
    func config() -> ConfigCenter { config(of: instance.part) }

    /// The settings of services that run elsewhere, so that an operator can change them here. They are `Service`s, too.
    func configsOfOthers() -> [ConfigCenter] {
        ShopPart.services.filter { !$0.settings.isEmpty && !controls.settings.knows($0.rawValue) }.map {
            config(of: $0)
        }
    }

    private func config(of part: ShopPart) -> ConfigCenter {
        let center = ConfigCenter(store: store, namespace: part.rawValue, defaults: part.settings, logger: logger)
        controls.settings.add(center)
        return center
    }

    /// A policy that the config center can change under its name, counted in the metrics.
    func policy(_ name: String, _ configuration: ResiliencePolicy.Configuration) -> ResiliencePolicy {
        controls.policy(name, configuration)
    }

    /// The host of this instance.
    ///
    /// - Parameter services: what runs as long as it does; they start before the first request and stop after the last.
    func host(
        services: [any Service] = [], health: HealthRegistry = HealthRegistry(),
        routes: (Router<ServiceContext>) throws -> Void
    ) rethrows -> ServiceHost {
        var settings = HostSettings()
        settings.host = instance.host
        settings.port = instance.port
        let host = try ServiceHost(
            instance.service, id: instance.id, store: store, settings: settings, health: health, logger: logger,
            services: services
        ) { router in
            if let faults = controls.faults {
                router.add(middleware: FaultMiddleware(service: instance.service, desk: faults))
            }
            try routes(router)
        }
        controls.policies.add(host.policy, as: ShopPolicies.host(of: instance.part))
        return host
    }
}

/// One instance of a service of the shop.
struct ShopInstance: Sendable, Hashable {
    let part: ShopPart
    /// Stable over restarts ("order-1"), so that a new process takes the place of the registration of the old one.
    let id: String
    var host = "127.0.0.1"
    /// 0 takes any free port.
    var port = 0

    var service: String { part.rawValue }
}
