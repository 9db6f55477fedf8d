import ApusCoordination
import ApusGateway
import ApusHosting
import ApusObservability
import ApusSQL
import Foundation
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import UnixSignals

/// A shop as a process: from its settings to its end by a signal.
enum ShopProcess {
    /// Longer than a service may take to answer its last requests.
    static let shutdownLimit = Duration.seconds(30)

    /// - Throws: `StartFailure`, with a line for the operator.
    static func run(_ settings: RunSettings) async throws {
        ApusObservability.bootstrap(service: "shop", logLevel: settings.logLevel)
        let logger = Logger(label: "shop")
        if settings.parts.contains(.gateway) { try await checkAddress(settings.host, settings.port) }
        do {
            let shop = try await ShopApplication(settings, logger: logger)
            var configuration = ServiceGroupConfiguration(
                services: shop.services + [Announcer(shop: shop, settings: settings)],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
            configuration.maximumGracefulShutdownDuration = shutdownLimit
            configuration.maximumCancellationDuration = .seconds(10)
            try await ServiceGroup(configuration: configuration).run()
            await shop.close()
        } catch let error as any CustomStringConvertible & Error {
            throw StartFailure(description: "\(error)")
        }
    }

    /// Looks whether the gateway will be able to listen, before anything else is begun.
    static func checkAddress(_ host: String, _ port: Int) async throws {
        do {
            let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .bind(host: host, port: port).get()
            try await channel.close()
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            throw StartFailure(
                description: "port \(port) on \(host) is in use; choose another one with --port, or 0 for any free one")
        } catch let error as IOError where error.errnoCode == EACCES {
            throw StartFailure(description: "port \(port) needs privileges; choose one above 1023 with --port")
        } catch {
            throw StartFailure(description: "cannot listen on \(host):\(port): \(error)")
        }
    }
}

/// Says where the shop is once it is open.
private struct Announcer: Service {
    let shop: ShopApplication
    let settings: RunSettings

    func run() async throws {
        let text = try? await cancelWhenGracefulShutdown { try await announcement() }
        if let text { FileHandle.standardOutput.write(Data((text + "\n").utf8)) }
        try? await gracefulShutdown()
    }

    private func announcement() async throws -> String {
        try await shop.waitUntilReady()
        var instances: [(id: String, url: String)] = []
        for member in shop.members {
            instances.append((member.instance.id, try await member.host.boundAddress.url))
        }
        let port = try await shop.gateway?.boundAddress.port ?? settings.port
        let url = Announcement.url(host: settings.host, port: port)
        if settings.parts != Set(ShopPart.allCases), shop.gateway != nil {
            instances += settings.names(of: .gateway).map { ($0, url) }
        }
        return Announcement.text(
            url: url, instances: instances, isWhole: settings.parts == Set(ShopPart.allCases))
    }
}
