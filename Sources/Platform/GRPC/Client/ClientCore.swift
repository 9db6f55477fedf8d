import ApusPrimitives
import ApusResilience
import NIOCore
import NIOSSL

/// Which connections a client has, and which one a call gets.
final class ClientCore: Sendable {
    let settings: GRPCClientSettings
    let sslContext: NIOSSLContext?
    /// Where tasks meet their connection without a hop: with pick-first, the loop of all connections.
    let executor: LoopExecutor
    private let loop: any EventLoop
    private let group: any EventLoopGroup
    private let state = Locked(State())

    private struct State {
        var balancer = Balancer(policy: .pickFirst, count: 0)
        var subchannels: [Subchannel] = []
        var doors: [ClientDoor?] = []
        /// Connections that end their calls, because their server or their list went away, included.
        var open: [ObjectIdentifier: ClientDoor] = [:]
        var waiting: [UInt64: Waiting] = [:]
        var cancelled: Set<UInt64> = []
        var nextWaiting: UInt64 = 0
        var lastFailure: GRPCError?
        var isClosed = false
        var whenEmpty: CheckedContinuation<Void, Never>?
        var budget = RetryThrottle()
        /// Longer than the settings', once a server has found that too often.
        var keepaliveInterval: Duration?
    }

    private struct Waiting {
        let failsFast: Bool
        let continuation: CheckedContinuation<ClientDoor, any Error>
    }

    init(settings: GRPCClientSettings, group: any EventLoopGroup) throws {
        self.settings = settings
        self.group = group
        loop = group.next()
        executor = LoopExecutor(loop)
        sslContext = try settings.tls.map { tls in
            var tls = tls
            tls.applicationProtocols = ["h2"]
            return try NIOSSLContext(configuration: tls)
        }
    }

    // MARK: Endpoints

    /// Connections of endpoints that stay are kept, the others end their calls and go.
    func update(_ endpoints: [GRPCEndpoint]) {
        guard !endpoints.isEmpty else { return }
        let gone = state.withLock { state -> [ClientDoor] in
            guard !state.isClosed, state.subchannels.map(\.endpoint) != endpoints else { return [] }
            var old: [GRPCEndpoint: Int] = [:]
            for (index, subchannel) in state.subchannels.enumerated() { old[subchannel.endpoint] = index }
            var balancer = Balancer(policy: settings.balancing, count: endpoints.count)
            var doors: [ClientDoor?] = []
            var subchannels: [Subchannel] = []
            var kept: Set<Int> = []
            for (index, endpoint) in endpoints.enumerated() {
                if let known = old[endpoint], kept.insert(known).inserted {
                    subchannels.append(state.subchannels[known])
                    doors.append(state.doors[known])
                    balancer.set(index, state.balancer.states[known])
                } else {
                    let own = settings.balancing == .pickFirst ? loop : group.next()
                    subchannels.append(Subchannel(endpoint: endpoint, core: self, loop: own))
                    doors.append(nil)
                }
            }
            let gone = state.doors.enumerated().compactMap { kept.contains($0.offset) ? nil : $0.element }
            state.balancer = balancer
            state.doors = doors
            state.subchannels = subchannels
            return gone
        }
        for door in gone { door.mailbox.post(.drain) }
        serveWaiting()
    }

    // MARK: Picking

    /// The connection for a call, if there is one at once.
    func pick() throws -> ClientDoor? {
        let (door, connects) = try state.withLock { state throws -> (ClientDoor?, [Subchannel]) in
            if state.isClosed { throw Self.closed }
            guard case .endpoint(let index) = state.balancer.pick() else { return (nil, []) }
            let idle = settings.balancing == .roundRobin ? state.balancer.toConnect().map { state.subchannels[$0] } : []
            return (state.doors[index], idle)
        }
        for subchannel in connects { subchannel.connect() }
        return door
    }

    /// Waits for a connection.
    ///
    /// - Parameter failsFast: throws as soon as no server can be reached.
    func waitForConnection(failsFast: Bool) async throws -> ClientDoor {
        let id = state.withLock { state in
            state.nextWaiting += 1
            return state.nextWaiting
        }
        // A cancellation may come when the wait is over already.
        defer { state.withLock { _ = $0.cancelled.remove(id) } }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let outcome: Result<ClientDoor, any Error>? = state.withLock { state in
                    if state.cancelled.remove(id) != nil { return .failure(CancellationError()) }
                    if state.isClosed { return .failure(Self.closed) }
                    state.waiting[id] = Waiting(failsFast: failsFast, continuation: continuation)
                    return nil
                }
                if let outcome { return continuation.resume(with: outcome) }
                serveWaiting()
            }
        } onCancel: {
            let waiting = state.withLock { state in
                let waiting = state.waiting.removeValue(forKey: id)
                if waiting == nil { state.cancelled.insert(id) }
                return waiting
            }
            waiting?.continuation.resume(throwing: CancellationError())
        }
    }

    /// Gives those who wait a connection, or an error, or sees to it that somebody connects.
    private func serveWaiting() {
        let (outcomes, connects) = state.withLock {
            state -> ([(Waiting, Result<ClientDoor, any Error>)], [Subchannel]) in
            var outcomes: [(Waiting, Result<ClientDoor, any Error>)] = []
            for id in state.waiting.keys.sorted() {
                switch state.balancer.pick() {
                case .endpoint(let index):
                    guard let door = state.doors[index], let waiting = state.waiting.removeValue(forKey: id) else {
                        continue
                    }
                    outcomes.append((waiting, .success(door)))
                case .fail:
                    guard let waiting = state.waiting[id], waiting.failsFast else { continue }
                    state.waiting[id] = nil
                    let error =
                        state.lastFailure ?? GRPCError(.unavailable, "no server can be reached", reach: .notSent)
                    outcomes.append((waiting, .failure(error)))
                case .wait: break
                }
            }
            guard !state.waiting.isEmpty, !state.isClosed else { return (outcomes, []) }
            return (outcomes, state.balancer.toConnect().map { state.subchannels[$0] })
        }
        for (waiting, outcome) in outcomes { waiting.continuation.resume(with: outcome) }
        for subchannel in connects { subchannel.connect() }
    }

    // MARK: From the subchannels

    /// A subchannel's state has changed; `door` of one that is ready.
    func changed(_ subchannel: Subchannel, _ new: Balancer.State, door: ClientDoor? = nil, failure: GRPCError? = nil) {
        state.withLock { state in
            guard let index = state.subchannels.firstIndex(where: { $0 === subchannel }) else {
                door?.mailbox.post(.drain)
                return
            }
            if let failure { state.lastFailure = failure }
            state.doors[index] = door
            state.balancer.set(index, new)
        }
        serveWaiting()
    }

    /// False when the client has stopped.
    func opened(_ door: ClientDoor) -> Bool {
        state.withLock { state in
            guard !state.isClosed else { return false }
            state.open[ObjectIdentifier(door)] = door
            return true
        }
    }

    func closed(_ door: ClientDoor) {
        let waiting = state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.open[ObjectIdentifier(door)] = nil
            guard state.open.isEmpty else { return nil }
            defer { state.whenEmpty = nil }
            return state.whenEmpty
        }
        waiting?.resume()
    }

    /// How long a server may be silent on the next connection before it is pinged.
    var keepaliveInterval: Duration? { state.withLock { $0.keepaliveInterval } ?? settings.keepaliveInterval }

    /// A server was pinged too often: new connections wait twice as long (gRPC's proposal A8).
    func tooManyPings() {
        state.withLock { state in
            state.keepaliveInterval = (state.keepaliveInterval ?? settings.keepaliveInterval).map { $0 * 2 }
        }
    }

    // MARK: The end

    /// Takes no more calls, and lets those under way end.
    func drain() {
        stop(with: .drain)
    }

    func close() {
        stop(with: .close)
    }

    private func stop(with post: ClientPost) {
        let (waiting, doors) = state.withLock { state in
            state.isClosed = true
            defer { state.waiting = [:] }
            return (state.waiting.sorted { $0.key < $1.key }.map(\.value), Array(state.open.values))
        }
        for waiting in waiting { waiting.continuation.resume(throwing: Self.closed) }
        for door in doors { door.mailbox.post(post) }
    }

    /// Waits until the last connection is gone. One task waits.
    func waitUntilEmpty() async {
        await withCheckedContinuation { continuation in
            let isEmpty = state.withLock { state in
                if state.open.isEmpty { return true }
                state.whenEmpty = continuation
                return false
            }
            if isEmpty { continuation.resume() }
        }
    }

    private static let closed = GRPCError(.unavailable, "the client has stopped", reach: .notSent)

    // MARK: Retries

    var mayRetry: Bool { state.withLock { $0.budget.mayRetry } }

    func attemptEnded(isFailure: Bool) {
        state.withLock { state in
            if isFailure { state.budget.failed() } else { state.budget.succeeded() }
        }
    }

    /// What each endpoint's connection does now, in the order of the list.
    var states: [Balancer.State] { state.withLock { $0.balancer.states } }
}
