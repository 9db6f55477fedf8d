import ApusHosting
import ApusPrimitives
import ServiceLifecycle

/// One instance in a process that holds many, which can be made to die alone.
final class ShopMember: Service {
    let instance: ShopInstance
    let host: ServiceHost
    private let state = Locked<(isKilled: Bool, waiter: CheckedContinuation<Void, Never>?)>((false, nil))

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
            group.addTask {
                await self.killed()
                return true
            }
            defer { group.cancelAll() }
            guard try await group.next() == true, state.withLock({ $0.isKilled }) else { return }
            group.cancelAll()
            // What it throws when it is cut off is no failure of the process.
            while let _ = await group.nextResult() {}
            try? await gracefulShutdown()
        }
    }

    /// Cuts this instance off as the death of its process would: connections end, and nobody is told.
    func kill() {
        let waiter = state.withLock { state in
            state.isKilled = true
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    /// Returns when it is killed, or this task is cancelled.
    private func killed() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.isKilled || Task.isCancelled { return true }
                    state.waiter = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                defer { state.waiter = nil }
                return state.waiter
            }
            waiter?.resume()
        }
    }
}
