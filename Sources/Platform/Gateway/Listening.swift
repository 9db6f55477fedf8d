import ApusPrimitives
import NIOCore

/// The moment at which an address is known, for those who wait for it.
struct Listening: Sendable {
    private struct State {
        var outcome: Result<SocketAddress, any Error>?
        var waiters: [UInt64: CheckedContinuation<SocketAddress, any Error>] = [:]
        var cancelled: Set<UInt64> = []
        var next: UInt64 = 0
    }

    private let state = Locked(State())

    func began(at address: SocketAddress) {
        settle(.success(address))
    }

    func failed(_ error: any Error) {
        settle(.failure(error))
    }

    /// - Throws: why there is no address, or `CancellationError`.
    func address() async throws -> SocketAddress {
        let id = state.withLock { state in
            state.next += 1
            return state.next
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let outcome: Result<SocketAddress, any Error>? = state.withLock { state in
                    if let outcome = state.outcome { return outcome }
                    if state.cancelled.remove(id) != nil { return .failure(CancellationError()) }
                    state.waiters[id] = continuation
                    return nil
                }
                if let outcome { continuation.resume(with: outcome) }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                if let waiter = state.waiters.removeValue(forKey: id) { return Optional(waiter) }
                if state.outcome == nil { state.cancelled.insert(id) }
                return nil
            }
            waiter?.resume(throwing: CancellationError())
        }
    }

    private func settle(_ outcome: Result<SocketAddress, any Error>) {
        let waiters = state.withLock { state in
            guard state.outcome == nil else { return [CheckedContinuation<SocketAddress, any Error>]() }
            state.outcome = outcome
            defer { state.waiters = [:] }
            return state.waiters.sorted { $0.key < $1.key }.map(\.value)
        }
        for waiter in waiters { waiter.resume(with: outcome) }
    }
}
