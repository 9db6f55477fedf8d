import ApusChannels
import ApusPrimitives
public import ApusRaft
public import Logging
public import NIOCore
import NIOPosix
public import ServiceLifecycle

/// One node of a replicated state machine: commands that any node takes are applied by all of them, in one order, as long as a
/// majority of them can talk to each other.
///
/// `run` is what makes it take part; proposals and reads made before wait for it. docs/replicated-state-machine.md builds one
/// step by step.
///
/// A proposal is answered when it is on the disks of a majority and applied here. It takes effect at most once, however often
/// it had to be sent; when its caller gets an error with `mayHaveHappened`, nobody knows yet. A read sees everything that
/// was answered anywhere before it began.
public final class ReplicatedNode<Machine: StateMachine>: Service {
    public let id: NodeID
    public let settings: NodeSettings
    let inbox: Inbox
    private let machine: Machine
    private let observer: (any NodeObserver<Machine>)?
    private let beginning: Beginning
    private let storage: any NodeStorage
    private let transport: any NodeTransport
    private let eventLoop: any EventLoop
    private let logger: Logger
    private let shared: Locked<Shared>
    private let ended = Signal<NodeError>()

    private struct Shared {
        var standing = Standing(role: .follower, term: .zero, leader: nil)
        var isRunning = false
    }

    /// - Parameters:
    ///   - id: never given to another node, and never used again after the data of a node are lost.
    ///   - machine: the state before the first command; the same on every node.
    ///   - beginning: how the cluster, or this node's part in it, began. The same at every start.
    ///   - storage: what the node had before.
    ///   - observer: what the application does beside the machine; the node keeps it alive.
    ///   - eventLoop: where the node does its work, and the state machine its; by default one of the process's.
    public init(
        _ id: NodeID, machine: Machine, beginning: Beginning, storage: any NodeStorage, transport: any NodeTransport,
        settings: NodeSettings = NodeSettings(), observer: (any NodeObserver<Machine>)? = nil,
        eventLoop: (any EventLoop)? = nil,
        logger: Logger = Logger(label: "apus.node")
    ) {
        self.id = id
        self.settings = settings
        self.machine = machine
        self.observer = observer
        self.beginning = beginning
        self.storage = storage
        self.transport = transport
        self.eventLoop = eventLoop ?? MultiThreadedEventLoopGroup.singleton.next()
        self.logger = logger
        inbox = Inbox(settings: settings)
        shared = Locked(Shared())
    }

    /// Takes part in the cluster until graceful shutdown; then hands leadership over, if it has it, and stops. At most once.
    ///
    /// - Throws: `NodeError` `.failed` or `.corrupt` when the node could not go on, `CancellationError`.
    public func run() async throws {
        let isFirst = shared.withLock { shared in
            defer { shared.isRunning = true }
            return !shared.isRunning
        }
        guard isFirst else { throw NodeError(.invalidRequest, "the node runs already, or has run") }
        do {
            let driver = try await start()
            try await serve()
            await stop(driver)
            try Task.checkCancellation()
        } catch {
            let reason = error as? NodeError ?? NodeError(.failed, "the node could not start", cause: error)
            inbox.close(reason).fail(reason)
            await transport.stop()
            await storage.close()
            throw error
        }
    }

    /// Until the node fails or is to stop.
    private func serve() async throws {
        let ended = ended
        let failure: NodeError? = await cancelWhenGracefulShutdown { try? await ended.value }
        if let failure { throw failure }
        await handOver()
    }

    /// A node that stops and leads lets another one lead first, so that nobody has to wait for an election.
    private func handOver() async {
        guard case .every(let tick) = settings.ticks, !Task.isCancelled, standing.role == .leader else { return }
        let others = (try? await status)?.raft.peers.filter { $0.id != id && $0.isRecentlyActive } ?? []
        guard let target = others.max(by: { $0.matchIndex < $1.matchIndex }) else { return }
        try? await transferLeadership(
            to: target.id, forwarding: false, ticks: settings.raft.electionTicks, tick: tick)
    }

    private func stop(_ driver: NIOLoopBound<Driver>) async {
        try? await eventLoop.submit { driver.value.end(NodeError(.stopped, "the node has stopped")) }.get()
        await transport.stop()
        await storage.close()
    }

    private func start() async throws -> NIOLoopBound<Driver> {
        var state = storage.recovered
        var known = MemberBook()
        switch beginning {
        case .founding(let members):
            known = MemberBook(members)
            if state.snapshot == nil {
                let founders = Configuration(voters: members.map(\.id))
                guard founders.voters.contains(id) else {
                    throw NodeError(.invalidRequest, "node \(id) is not among its founders \(founders.voters)")
                }
                state.snapshot = PersistentState.bootstrap(founders).snapshot
            }
        case .joining(let members): known = MemberBook(members)
        }
        let host = TypedMachine(machine, observer: observer)
        var image = NodeImage(book: known)
        if let snapshot = state.snapshot, snapshot.index > .zero {
            let read = NodeImage.reader(storage, snapshot, host.restorer())
            let restored: any StateMachine
            (image, restored) = try await NIOThreadPool.singleton.runIfActive { try read() }
            host.install(restored)
            known.learn(image.book)
            if image.book.removed.contains(id) {
                throw NodeError(.removed, "node \(id) was removed from its cluster")
            }
        }
        // As they are in force: not only what is in the snapshot.
        for entry in state.entries {
            if case .configuration(_, let context) = entry.payload, let book = MemberBook(decoding: context) {
                known.learn(book)
            }
        }
        let recovered = Recovered(state: state, image: image, known: known)
        let start = UncheckedTransfer((host, recovered))
        let driver = try await eventLoop.submit { self.makeDriver(start.value.0, start.value.1) }.get()
        try await transport.start(as: id, on: eventLoop) { [inbox] event in
            switch event {
            case .received(let messages): inbox.add(messages)
            case .called(let calls): inbox.add(calls)
            case .unreachable(let peer): inbox.add { $0.raft.peerUnreachable(peer) }
            case .callsLost(let peer): inbox.add { $0.callsLost(peer) }
            case .removed(let peer, let reason): inbox.add { $0.wasRemoved("node \(peer) says: \(reason)") }
            case .met(let member): inbox.add { $0.met(member) }
            }
        }
        let restoredAt = state.snapshot?.index ?? .zero
        try await eventLoop.submit {
            if restoredAt > .zero { driver.value.machine.restored(at: restoredAt) }
            driver.value.updatePeers()
            self.inbox.open { driver.eventLoop.execute { driver.value.drain() } }
            self.scheduleTicks(driver)
        }.get()
        return driver
    }

    private struct Recovered: Sendable {
        let state: PersistentState
        let image: NodeImage
        let known: MemberBook
    }

    private func makeDriver(_ host: TypedMachine<Machine>, _ recovered: Recovered) -> NIOLoopBound<Driver> {
        let (ended, shared, inbox) = (ended, shared, inbox)
        var random = SeededRandom(seed: settings.seed ?? .random(in: .min ... .max))
        let raft = Raft(
            id: id, state: recovered.state, applied: recovered.state.snapshot?.index ?? .zero, options: settings.raft,
            random: random.split())
        let parts = Driver.Parts(
            id: id, settings: settings, eventLoop: eventLoop, inbox: inbox, storage: storage, transport: transport,
            machine: host, metrics: NodeMetrics(id), logger: logger, failed: { ended.send($0) },
            book: recovered.image.book, known: recovered.known,
            appliedMembers: recovered.state.snapshot?.configuration.members ?? [], sessions: recovered.image.sessions)
        let driver = Driver(parts, raft: raft, random: random) { standing in
            shared.withLock { $0.standing = standing }
        }
        storage.start { event in
            switch event {
            case .persisted(let sequence): inbox.persisted(through: sequence)
            case .writable(let isWritable): inbox.add { $0.raft.storageBecame(writable: isWritable) }
            case .failed(let error): inbox.add { $0.fail(error) }
            }
        }
        return NIOLoopBound(driver, eventLoop: eventLoop)
    }

    private func scheduleTicks(_ driver: NIOLoopBound<Driver>) {
        guard case .every(let interval) = settings.ticks else { return }
        let amount = TimeAmount.nanoseconds(max(1, interval.nanoseconds))
        let inbox = inbox
        // Through the inbox, so that what came in before the tick is seen before it.
        eventLoop.scheduleRepeatedTask(initialDelay: amount, delay: amount) { task in
            if driver.value.isEnded { task.cancel() } else { inbox.add { $0.tick() } }
        }
    }
}

extension ReplicatedNode {
    /// Where this node stands, as of its last round.
    public var standing: Standing { shared.withLock { $0.standing } }

    /// One tick of the clock, for who drives it by hand.
    public func tick() {
        inbox.add { $0.tick() }
    }
}

/// How a node came to its cluster.
public enum Beginning: Sendable {
    /// It is one of those who began the cluster, and all of them say the same.
    case founding([Member])
    /// It joins a cluster that is there, whose members are told of it by `ReplicatedNode.change`. Some of them, so that it can
    /// answer before it knows them all.
    case joining([Member])
}

/// Hands a value to an event loop.
// Safe: whoever makes it does not use the value again.
struct UncheckedTransfer<Value>: @unchecked Sendable {
    let value: Value

    init(_ value: Value) {
        self.value = value
    }
}
