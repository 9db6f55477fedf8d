import ApusEtcdAPI
import ApusPrimitives
import ApusRaft
import Logging
import ServiceLifecycle

/// Tells the cluster what this member is called and where clients find it, as often as it takes.
struct Announcement: Service {
    let core: ControlCore

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do throws(EtcdError) {
                    _ = try await core.propose(
                        .member(
                            .publish(
                                core.memberID, name: core.settings.name, clientURLs: core.settings.advertiseClientURLs))
                    )
                    break
                } catch {
                    core.logger.warning("this member is not announced yet", metadata: ["error": "\(error)"])
                    try? await Task.sleep(for: .milliseconds(500))
                }
            }
        }
        try? await gracefulShutdown()
    }
}
