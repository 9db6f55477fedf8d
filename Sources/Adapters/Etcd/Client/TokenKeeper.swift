import ApusChannels
import ApusPrimitives

/// The token of the client's user: got once for all calls, and again when the control plane has forgotten it.
final class TokenKeeper: Sendable {
    private struct State {
        var token: String?
        /// How often a token was got, successfully or to hear that there is none to be had.
        var generation = 0
    }

    private let state = Locked(State())
    private let turn = Semaphore(permits: 1)

    /// A token to send, nil where the control plane wants none, and what to call `renew` with when it is refused.
    var current: (token: String?, generation: Int) { state.withLock { ($0.token, $0.generation) } }

    /// Gets a token, unless somebody has since `generation`.
    ///
    /// - Parameter fetch: nil when the control plane does not ask who calls.
    func renew(since generation: Int, _ fetch: @Sendable () async throws -> String?) async throws {
        try await turn.withPermit {
            guard self.current.generation == generation else { return }
            let token = try await fetch()
            self.state.withLock { state in
                state.token = token
                state.generation += 1
            }
        }
    }
}
