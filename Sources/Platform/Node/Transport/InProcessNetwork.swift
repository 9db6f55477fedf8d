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

    func update(peers: [Member]) {}

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
        let found = network.state.withLock { state -> ((@Sendable (NodeTransportEvent) -> Void), [Message])? in
            guard let receiver = state.receivers[to] else { return nil }
            if state.cut.isEmpty, state.filter == nil { return (receiver, Array(messages)) }
            let passing = messages.filter {
                !state.cut.contains(.init(from: $0.from, to: to)) && state.filter?($0) != false
            }
            return (receiver, passing)
        }
        guard let (receiver, passing) = found, !passing.isEmpty else { return }
        receiver(.received(passing))
    }

    func stop() async {
        guard let id = id.withLock({ $0 }) else { return }
        network.state.withLock { $0.receivers[id] = nil }
    }
}
