import ApusChannels
import ApusHosting
import ServiceLifecycle

/// One instance in a process that holds many, which can be made to die alone.
final class ShopMember: Service {
    let instance: ShopInstance
    let host: ServiceHost
    private let death = Signal<Void>()

    init(_ instance: ShopInstance, host: ServiceHost) {
        self.instance = instance
        self.host = host
    }

    /// Serves until graceful shutdown or cancellation. After `kill` it serves nothing, and the others go on.
    func run() async throws {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await self.host.run()
                return false
            }
            // Not killed but cancelled: false.
            group.addTask { (try? await self.death.value) != nil }
            defer { group.cancelAll() }
            guard try await group.next() == true else { return }
            group.cancelAll()
            // What it throws when it is cut off is no failure of the process.
            while let _ = await group.nextResult() {}
            try? await gracefulShutdown()
        }
    }

    /// Cuts this instance off as the death of its process would: connections end, and nobody is told.
    func kill() {
        death.send()
    }
}
