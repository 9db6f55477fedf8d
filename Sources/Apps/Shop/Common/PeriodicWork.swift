import ApusResilience
import Logging
import ServiceLifecycle

/// Does something again and again until the process stops. A failure is logged, and the next turn tries again.
struct PeriodicWork: Service {
    let name: String
    /// The pause between two turns; read before each, so that the config center can change it.
    let pause: @Sendable () -> Duration
    let time: TimeSource
    let logger: Logger
    let work: @Sendable () async throws -> Void

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    try await work()
                } catch {
                    if Task.isCancelled { return }
                    logger.warning("\(name) failed; it is tried again", metadata: ["error": "\(error)"])
                }
                try? await time.sleep(for: pause())
            }
        }
    }
}
