import ApusPrimitives
public import ApusRaft
import NIOCore

/// Connects nodes within one process, for tests and benchmarks: a message is a function call. Tests cut its links.
public final class InProcessNetwork: Sendable {
    fileprivate struct Link: Hashable {
        let from: NodeID
        let to: NodeID
    }

    fileprivate struct State {
        var receivers: [NodeID: @Sendable (NodeTransportEvent) -> Void] = [:]
        var cut: Set<Link> = []
        var filter: (@Sendable (Message) -> Bool)?
        /// What each node says who was removed.
        var removed: [NodeID: Set<NodeID>] = [:]
    }

    fileprivate let state = Locked(State())

    public init() {}

    /// A transport for one node.
    public func transport() -> any NodeTransport { InProcessTransport(network: self) }

    /// Loses every message from `from` to `to` until `heal`.
    public func cut(from: NodeID, to: NodeID) {
        state.withLock { _ = $0.cut.insert(Link(from: from, to: to)) }
    }

    /// Cuts all links from and to `node`.
    public func isolate(_ node: NodeID, from others: [NodeID]) {
        for other in others where other != node {
            cut(from: node, to: other)
            cut(from: other, to: node)
        }
    }

    /// Repairs all links.
    public func heal() {
        state.withLock { $0.cut = [] }
    }

    /// Loses the messages for which `filter` is false; nil loses none.
    public func deliver(only filter: (@Sendable (Message) -> Bool)?) {
        state.withLock { $0.filter = filter }
    }
}

private final class InProcessTransport: NodeTransport {
    private let network: InProcessNetwork
    private let id = Locked<NodeID?>(nil)

    init(network: InProcessNetwork) {
        self.network = network
    }

    func start(
        as id: NodeID, on eventLoop: any EventLoop, _ events: @escaping @Sendable (NodeTransportEvent) -> Void
    ) async throws {
        self.id.withLock { $0 = id }
        network.state.withLock { $0.receivers[id] = events }
    }

    func update(peers: [Member], removed: Set<NodeID>) {
        guard let id = id.withLock({ $0 }) else { return }
        network.state.withLock { $0.removed[id] = removed }
    }

    func send(_ call: PeerCall) -> Bool {
        let receiver = network.state.withLock { state -> (@Sendable (NodeTransportEvent) -> Void)?? in
            guard let receiver = state.receivers[call.to] else { return nil }
            if state.removed[call.to]?.contains(call.from) == true { return nil }
            return .some(state.cut.contains(.init(from: call.from, to: call.to)) ? nil : receiver)
        }
        guard let receiver else { return false }
        receiver?(.called([call]))
        return true
    }

    func send(_ messages: [Message]) {
        // Those to one node together: it wakes once.
        var index = 0
        while index < messages.count {
            let to = messages[index].to
            let end = messages[index...].firstIndex { $0.to != to } ?? messages.count
            deliver(messages[index..<end], to: to)
            index = end
        }
    }

    private func deliver(_ messages: ArraySlice<Message>, to: NodeID) {
        guard let from = id.withLock({ $0 }) else { return }
        typealias Delivery = (receiver: @Sendable (NodeTransportEvent) -> Void, event: NodeTransportEvent)
        let delivery = network.state.withLock { state -> Delivery? in
            guard let receiver = state.receivers[to] else { return nil }
            if state.cut.contains(.init(from: from, to: to)) { return nil }
            if state.removed[to]?.contains(from) == true {
                return state.receivers[from].map { ($0, .removed(by: to, reason: "it was removed from its cluster")) }
            }
            guard let filter = state.filter else { return (receiver, .received(Array(messages))) }
            let passing = messages.filter(filter)
            return passing.isEmpty ? nil : (receiver, .received(passing))
        }
        if let (receiver, event) = delivery { receiver(event) }
    }

    func stop() async {
        guard let id = id.withLock({ $0 }) else { return }
        network.state.withLock { $0.receivers[id] = nil }
    }
}
