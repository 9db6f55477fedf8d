import ApusControlPlane
import ApusObservability
import Foundation
import Logging
import NIOCore
import ServiceLifecycle
import UnixSignals

/// A node as a process: from its options to its end by a signal.
enum ServerProcess {
    /// Calls may end, another node takes over, and what is on its way to the disk gets there.
    static let shutdownLimit = Duration.seconds(30)

    /// - Throws: `ServerFlaw`, one line for the operator.
    static func run(_ options: ServerOptions) async throws {
        Allocator.useOneHeap()
        let output = try LogOutput.open(options.log.outputs)
        ApusObservability.bootstrap(
            service: "apus", instance: options.name, logLevel: LogOutput.level(options.log.level), output: output)
        let logger = Logger(label: "apus.server")
        FileLimit.raise()
        for remark in options.remarks { logger.warning("\(remark)") }
        if !options.withoutEffect.isEmpty {
            logger.warning("flags without effect here: \(options.withoutEffect.joined(separator: ", "))")
        }
        do {
            let server = try ControlPlaneServer(options.settings(), logger: logger)
            var configuration = ServiceGroupConfiguration(
                services: [
                    .init(
                        service: server, successTerminationBehavior: .gracefullyShutdownGroup,
                        failureTerminationBehavior: .gracefullyShutdownGroup),
                    .init(service: Announcer(server: server, isSecure: options.listenClientURLs[0].scheme.isSecure)),
                ],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
            configuration.maximumGracefulShutdownDuration = shutdownLimit
            configuration.maximumCancellationDuration = .seconds(10)
            try await ServiceGroup(configuration: configuration).run()
        } catch let flaw as ServerFlaw {
            throw flaw
        } catch let error as IOError {
            throw ServerFlaw(Self.line(error, options))
        } catch {
            throw ServerFlaw("\(error)".replacing("\n", with: " "))
        }
    }

    private static func line(_ error: IOError, _ options: ServerOptions) -> String {
        let urls = (options.listenClientURLs + options.listenPeerURLs + options.listenMetricsURLs)
            .map(\.description).joined(separator: ", ")
        switch error.errnoCode {
        case EADDRINUSE: return "an address is in use already, one of \(urls)"
        case EADDRNOTAVAIL: return "an address is not one of this machine's, one of \(urls)"
        case EACCES: return "a port needs privileges; choose ports above 1023 (\(urls))"
        default: return "\(error)"
        }
    }
}

/// Says where clients are served once they are.
private struct Announcer: Service {
    let server: ControlPlaneServer
    let isSecure: Bool

    func run() async throws {
        let address = try? await cancelWhenGracefulShutdown { try await server.clientAddress }
        if let address {
            FileHandle.standardOutput.write(Data("client \(Self.url(address, isSecure))\n".utf8))
        }
        try? await gracefulShutdown()
    }

    static func url(_ address: SocketAddress, _ isSecure: Bool) -> String {
        let scheme = isSecure ? "https" : "http"
        if let path = address.pathname { return "unix://\(path)" }
        let host = address.ipAddress ?? "localhost"
        return "\(scheme)://\(host.contains(":") ? "[\(host)]" : host):\(address.port ?? 0)"
    }
}
