import ApusCoordination
import ApusHosting
import ApusPrimitives
import Logging
import NIOCore
import TestSupport
import Testing

/// A server that dies while connections come in takes the process with it, if what was accepted last is let go too soon.
@Suite struct StopUnderConnectsTests {
    @Test(.timeLimit(.minutes(2)))
    func hostsThatStopWhileConnectionsComeInDoNotTrap() async throws {
        for round in 0..<40 {
            var settings = HostSettings()
            settings.port = 0
            settings.drainTimeout = .milliseconds(200)
            var logger = Logger(label: "test")
            logger.logLevel = .critical
            let host = ServiceHost("target", store: EmbeddedStore(), settings: settings, logger: logger) { _ in }
            let running = Task { try await host.run() }
            let port = try await host.boundAddress.port
            let connected = Locked(0)
            let callers = (0..<4).map { _ in
                Task {
                    var connections: [RawConnection] = []
                    while !Task.isCancelled, let next = try? await RawConnection.connect(port: port) {
                        connections.append(next)
                        connected.withLock { $0 += 1 }
                    }
                    return connections
                }
            }
            // The moment of the stop is what varies.
            try await eventually { connected.withLock { $0 } >= round * 3 }
            running.cancel()
            _ = await running.result
            for caller in callers {
                caller.cancel()
                for connection in await caller.value { await connection.close() }
            }
        }
    }
}
