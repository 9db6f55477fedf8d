import Foundation
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle

/// The HTTP server, whose graceful stop ends at a time.
struct DrainingServer: Service {
    let application: Application<ServiceResponder>
    let settings: HostSettings
    let connections: OpenConnections
    let logger: Logger

    func run() async throws {
        do {
            try await withTaskCancellationHandler {
                try await serve()
            } onCancel: {
                connections.closeAll()
            }
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            throw HostError(
                message: "\(settings.host):\(settings.port) is in use by another program: choose another port",
                cause: error)
        } catch let error as IOError where error.errnoCode == EACCES {
            throw HostError(
                message: "\(settings.host):\(settings.port) is not allowed to this user: choose a port above 1023",
                cause: error)
        } catch let error where error is IOError || error is SocketAddressError {
            throw HostError(
                message: "\(settings.host):\(settings.port) cannot be listened on: \(error)", cause: error)
        }
    }

    private func serve() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await application.run() }
            group.addTask {
                do {
                    try await gracefulShutdown()
                    try await Task.sleep(for: settings.drainTimeout)
                } catch { return }
                logger.warning(
                    "cutting the connections that did not end in time",
                    metadata: [
                        "connections": .stringConvertible(connections.count), "after": "\(settings.drainTimeout)",
                    ])
                connections.closeAll()
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}
