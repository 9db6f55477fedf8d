import ApusPrimitives
import Foundation
import ServiceLifecycle

/// Keeps one process of a cluster running: when it ends, it is started again.
final class MemberKeeper: Service {
    /// Before a process is started again. It doubles each time that the process did not live for `calm`.
    static let shortestPause = Duration.milliseconds(100)
    static let longestPause = Duration.seconds(5)
    static let calm = Duration.seconds(10)

    let member: ClusterMember
    private let log: String
    private let spawner: Spawner
    private let board: ClusterBoard
    private let state = Locked(State())

    private struct State {
        var child: ChildProcess?
        var isStopping = false
    }

    init(_ member: ClusterMember, log: String, spawner: Spawner, board: ClusterBoard) {
        self.member = member
        self.log = log
        self.spawner = spawner
        self.board = board
    }

    /// Until graceful shutdown, which asks the process to end and waits for it, or cancellation, which kills it.
    func run() async throws {
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await keep()
            } onGracefulShutdown: {
                self.stop(SIGTERM)
            }
        } onCancel: {
            stop(SIGKILL)
        }
    }

    private func keep() async {
        var pause = Self.shortestPause
        while !isStopping {
            let start = ContinuousClock.now
            do {
                let child = try await spawner.start(member, log: log)
                board.started(member.name, child.id)
                let isLate = state.withLock { state in
                    state.child = child
                    return state.isStopping
                }
                if isLate { child.signal(SIGTERM) }
                let end = await child.end()
                state.withLock { $0.child = nil }
                if !isStopping { board.ended(member.name, "\(end)") }
            } catch {
                board.ended(member.name, "could not be started: \(error)")
            }
            if ContinuousClock.now - start >= Self.calm { pause = Self.shortestPause }
            try? await cancelWhenGracefulShutdown { [pause] in try await Task.sleep(for: pause) }
            pause = min(pause * 2, Self.longestPause)
        }
    }

    private var isStopping: Bool { state.withLock { $0.isStopping } }

    private func stop(_ signal: Int32) {
        let child = state.withLock { state in
            state.isStopping = true
            return state.child
        }
        child?.signal(signal)
    }
}

/// Processes that start together and end together.
struct MemberKeepers: Service {
    let keepers: [MemberKeeper]

    func run() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            for keeper in keepers { group.addTask { try await keeper.run() } }
            // There may be none.
            group.addTask { try? await gracefulShutdown() }
        }
    }
}
