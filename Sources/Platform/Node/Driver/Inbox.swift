import ApusPrimitives
import ApusRaft

/// What waits for a node's event loop. All of it is taken at once, so that one look at the core, one write to the disk and one
/// message to each peer serve everybody who was waiting.
final class Inbox: Sendable {
    /// Something to be done on the event loop, with the driver.
    struct Task: Sendable {
        let run: @Sendable (Driver) -> Void
        /// The node has ended before.
        let fail: @Sendable (NodeError) -> Void
    }

    struct Batch {
        var messages: [Message] = []
        var proposals: [ProposalWaiter] = []
        var reads: [ReadWaiter] = []
        var asks: [AskWaiter] = []
        /// Of peers.
        var calls: [PeerCall] = []
        /// The highest sequence that the disk acknowledged.
        var persisted: UInt64 = 0
        var tasks: [Task] = []

        var isEmpty: Bool {
            messages.isEmpty && proposals.isEmpty && reads.isEmpty && asks.isEmpty && calls.isEmpty && persisted == 0
                && tasks.isEmpty
        }
    }

    private struct State {
        var batch = Batch()
        /// Proposals, reads and requests without an answer, here and with the driver.
        var waiting = 0
        var waitingBytes = 0
        /// The event loop knows that there is something.
        var isScheduled = true
        var wake: (@Sendable () -> Void)?
        var end: NodeError?
    }

    private let state = Locked(State())
    private let settings: NodeSettings
    /// Messages of peers that wait, and as many requests and answers; more are lost, as these may be.
    static let maximumMessages = 8_192

    init(settings: NodeSettings) {
        self.settings = settings
    }

    /// From now on `wake` is called when something comes while nothing was there.
    func open(wake: @escaping @Sendable () -> Void) {
        state.withLock { $0.wake = wake }
        wake()
    }

    func add(_ proposal: ProposalWaiter) throws(NodeError) {
        try update { state throws(NodeError) in
            try admit(bytes: proposal.size, &state)
            state.batch.proposals.append(proposal)
        }
    }

    func add(_ read: ReadWaiter) throws(NodeError) {
        try update { state throws(NodeError) in
            try admit(bytes: 0, &state)
            state.batch.reads.append(read)
        }
    }

    func add(_ ask: AskWaiter) throws(NodeError) {
        try update { state throws(NodeError) in
            try admit(bytes: ask.request.count, &state)
            state.batch.asks.append(ask)
        }
    }

    func add(_ calls: [PeerCall]) {
        try? update { state throws(NodeError) in
            guard state.end == nil else { return }
            let room = Self.maximumMessages - state.batch.calls.count
            state.batch.calls.append(contentsOf: calls.prefix(max(0, room)))
        }
    }

    func add(_ messages: [Message]) {
        try? update { state throws(NodeError) in
            guard state.end == nil else { return }
            let room = Self.maximumMessages - state.batch.messages.count
            state.batch.messages.append(contentsOf: messages.prefix(max(0, room)))
        }
    }

    func persisted(through sequence: UInt64) {
        try? update { state throws(NodeError) in
            state.batch.persisted = max(state.batch.persisted, sequence)
        }
    }

    /// Runs `task` on the event loop, or fails it when the node has ended.
    func add(_ task: Task) {
        do throws(NodeError) {
            try update { state throws(NodeError) in
                if let end = state.end { throw end }
                state.batch.tasks.append(task)
            }
        } catch {
            task.fail(error)
        }
    }

    /// Runs `body` on the event loop, unless the node has ended.
    func add(_ body: @escaping @Sendable (Driver) -> Void) {
        add(Task(run: body, fail: { _ in }))
    }

    /// What waits; nil when there is nothing, and then the next one wakes.
    ///
    /// - Parameters:
    ///   - finished: proposals and reads that got their answers.
    ///   - finishedBytes: of the proposals among them.
    func take(finished: Int, finishedBytes: Int) -> Batch? {
        state.withLock { state in
            state.waiting -= finished
            state.waitingBytes -= finishedBytes
            if state.batch.isEmpty {
                state.isScheduled = false
                return nil
            }
            let batch = state.batch
            state.batch = Batch()
            return batch
        }
    }

    /// Refuses everything from now on; returns who waits still.
    func close(_ error: NodeError) -> Batch {
        state.withLock { state in
            if state.end == nil { state.end = error }
            state.wake = nil
            let batch = state.batch
            state.batch = Batch()
            return batch
        }
    }

    var waiting: Int { state.withLock { $0.waiting } }

    var end: NodeError? { state.withLock { $0.end } }

    private func admit(bytes: Int, _ state: inout State) throws(NodeError) {
        if let end = state.end { throw end }
        guard state.waiting < settings.maximumWaiting, state.waitingBytes + bytes <= settings.maximumWaitingBytes else {
            throw NodeError(
                .overloaded, "\(state.waiting) requests of \(state.waitingBytes) bytes wait already",
                retry: .after(.milliseconds(50)))
        }
        state.waiting += 1
        state.waitingBytes += bytes
    }

    private func update(_ body: (inout State) throws(NodeError) -> Void) throws(NodeError) {
        let wake = try state.withLock { state throws(NodeError) -> (@Sendable () -> Void)? in
            try body(&state)
            if state.isScheduled { return nil }
            state.isScheduled = true
            return state.wake
        }
        wake?()
    }
}

extension Inbox.Batch {
    /// Tells all who wait.
    func fail(_ error: NodeError) {
        for read in reads { read.fail(error) }
        for proposal in proposals { proposal.fail(error) }
        for ask in asks { ask.finish(.failure(error)) }
        for task in tasks { task.fail(error) }
    }
}
