import ApusCoordination
import ApusPrimitives
import ApusResilience
import NIOCore

/// One request on its way to an instance and back: joins the client's connection to that of the instance. Stays on its
/// event loop; what it does is decided by `ExchangeState`.
final class Exchange {
    let route: Int
    let started: NIODeadline
    private(set) var status = 0
    private(set) var state: ExchangeState
    private(set) var endpoint: Endpoint?
    /// Of the attempt under way.
    private var permit: OutlierPermit?
    /// When the gateway acts by itself: the deadline, and in a response that has begun the stall timeout.
    private(set) var due: NIODeadline
    private let deadline: NIODeadline
    /// Whether the deadline is the route's own; a client's short one says nothing about the instance.
    private let deadlineIsOurs: Bool
    private let worker: Worker
    private let set: EndpointSet
    private var client: ClientHandler?
    private var upstream: UpstreamHandler?
    private var tried: [Endpoint] = []
    private var replay = ByteBuffer()
    private var bodyDue: NIODeadline
    private var bodyIsChunked: Bool
    private var responseIsChunked = false

    init(client: ClientHandler, route: Int, head: RequestHead, worker: Worker, at now: NIODeadline) {
        self.client = client
        self.worker = worker
        self.route = route
        started = now
        let entry = worker.routes.entries[route]
        var limit = TimeAmount(entry.route.timeout)
        deadlineIsOurs = head.timeoutMilliseconds.map { $0 >= limit.nanoseconds / 1_000_000 } ?? true
        if !deadlineIsOurs, let time = head.timeoutMilliseconds { limit = .milliseconds(Int64(time)) }
        deadline = now + limit
        bodyDue = head.body == .none ? .distantFuture : now + worker.bodyTimeout
        due = min(deadline, bodyDue)
        bodyIsChunked = head.body == .chunked
        set = worker.endpoints(ofRoute: route)
        state = ExchangeState(isRepeatable: head.isRepeatable, maxAttempts: entry.route.maxAttempts)
        if head.body == .none { state.requestCompleted() }
    }

    /// Finds an instance and sends the request, now or when connected.
    func place(again: Bool = false) {
        let now = NIODeadline.now()
        let chosen = state.mustConnectAnew ? endpoint : nil
        guard let endpoint = chosen ?? set.pick(excluding: tried, at: now, using: &worker.random) else {
            return act(on: state.nowhereToGo())
        }
        self.endpoint = endpoint
        state.placed()
        if again { worker.metrics.retried(route: route) } else { set.requestBegan(at: now) }
        permit = set.began(endpoint, at: now)
        let limit = state.isRepeatable ? worker.keptSince(now) : worker.freshSince(now)
        if !state.mustConnectAnew, let kept = endpoint.takeIdle(notIdleSince: limit) {
            attach(kept, kept: true)
        } else {
            worker.connect(to: endpoint, for: self, within: deadline - now)
        }
    }

    // MARK: From the client

    /// Whether the client's body should wait.
    var holdsRequest: Bool {
        if let upstream { return !upstream.isWritable }
        return state.phase == .placing && replay.readableBytes >= worker.settings.maxReplayBytes
    }

    func bodyContinued(_ piece: ByteBuffer) {
        guard state.phase != .finished else { return }
        if state.keepsReplay { replay.writeImmutableBuffer(piece) }
        guard let upstream else { return }
        upstream.append(piece, chunked: bodyIsChunked)
        forgetReplayIfLarge()
    }

    func bodyEnded() {
        state.requestCompleted()
        guard state.phase != .finished else { return }
        if state.phase != .responding {
            due = deadline
            client?.dueChanged(due)
        }
        if bodyIsChunked { upstream?.append { $0.writeStaticString("0\r\n\r\n") } }
    }

    func flushToUpstream() {
        upstream?.flush()
    }

    /// The client takes more of the response again.
    func clientTakesMoreAgain() {
        upstream?.resumeReading()
    }

    /// The client went away, or was refused in the middle: what the instance does for it is called off.
    func abandon(status: Int) {
        guard state.phase != .finished else { return }
        state.finish()
        self.status = status
        end(keep: nil)
    }

    /// `due` has come.
    func timerFired(at now: NIODeadline) {
        if state.phase == .responding { return act(on: state.stalled()) }
        let waitsForClient = !holdsRequest
        let verdict = state.deadlinePassed(waitsForClient: waitsForClient)
        if case .fail(.timedOut) = verdict, deadlineIsOurs, upstream != nil { record(.failure, at: now) }
        act(on: verdict)
    }

    // MARK: From the instance's connection

    func connected(_ connection: UpstreamHandler) {
        guard connection.isUsable else { return notConnected() }
        guard state.phase == .placing else {
            // The client did not wait; the next one can have the connection.
            return connection.endpoint.keep(
                connection, atMost: worker.settings.maxIdlePerInstance, at: .now())
        }
        attach(connection, kept: false)
        flushToUpstream()
        client?.requestTakesMore()
    }

    func notConnected() {
        guard state.phase == .placing, endpoint != nil else { return }
        let now = NIODeadline.now()
        record(.unreachable, at: now)
        act(on: withinBudget(state.lost(.notConnected), at: now))
    }

    func upstreamLost(_ loss: ExchangeState.Loss) {
        upstream = nil
        let verdict = state.lost(loss)
        let now = NIODeadline.now()
        if verdict != .retryFresh, verdict != .ignore { record(.unreachable, at: now) }
        act(on: withinBudget(verdict, at: now))
    }

    func upstreamTakesMore() {
        client?.requestTakesMore()
    }

    var clientTakesMore: Bool { client?.isWritable ?? true }

    func responseBegan(_ head: ResponseHead) {
        let now = NIODeadline.now()
        // What another one behind it failed at, the instance only tells, and the next instance would most likely tell the same.
        let isFault = head.status >= 500 && !(endpoint.map { head.blamesAnother(than: $0.instance.service) } ?? false)
        if head.status == 504, !deadlineIsOurs, let endpoint {
            // The client's haste says nothing about the instance.
            leave(endpoint, at: now)
        } else {
            record(isFault ? .failure : .success, at: now)
        }
        var others = false
        if head.status == 503, isFault, state.mayAskAnother, let endpoint {
            others = set.hasAlternative(to: tried + [endpoint], at: now) && mayTryAgain(at: now)
        }
        let verdict = state.responded(status: head.status, othersLeft: others)
        guard verdict == .ignore else {
            upstream?.close()
            upstream = nil
            return act(on: verdict)
        }
        replay = ByteBuffer()
        status = head.status
        due = now + worker.stallTimeout
        guard let client else { return }
        client.dueChanged(due)
        responseIsChunked = client.writeHead(head, requestComplete: state.requestComplete)
    }

    func responseContinued(_ piece: ByteBuffer) {
        guard state.phase == .responding, let client else { return }
        due = NIODeadline.now() + worker.stallTimeout
        client.write(piece, chunked: responseIsChunked)
    }

    func flushToClient() {
        client?.flush()
    }

    /// - Parameter keep: the connection, when it can carry another exchange.
    func responseEnded(keep connection: UpstreamHandler?) {
        guard state.phase == .responding else { return }
        if responseIsChunked { client?.writeLastChunk() }
        let isReusable = state.requestComplete
        if !isReusable { upstream?.close() }
        state.finish()
        let client = client
        end(keep: isReusable ? connection : nil)
        client?.responseEnded()
    }

    // MARK: What it comes to

    private func attach(_ connection: UpstreamHandler, kept: Bool) {
        guard let client else { return }
        upstream = connection
        state.connected(kept: kept)
        connection.begin(self, answersHead: client.head.method == .head)
        let left = max(1, (deadline - .now()).nanoseconds / 1_000_000)
        connection.append { client.writeRequestHead(to: &$0, instance: connection.endpoint.instance, timeLeft: left) }
        if replay.readableBytes > 0 { connection.append(replay, chunked: bodyIsChunked) }
        if bodyIsChunked, state.requestComplete { connection.append { $0.writeStaticString("0\r\n\r\n") } }
        if !state.isRepeatable { forgetReplay() }
        forgetReplayIfLarge()
    }

    private func forgetReplayIfLarge() {
        if replay.readableBytes > worker.settings.maxReplayBytes { forgetReplay() }
    }

    private func forgetReplay() {
        state.replayLost()
        replay = ByteBuffer()
    }

    private func act(on verdict: ExchangeState.Verdict) {
        switch verdict {
        case .ignore: break
        case .retry:
            if let endpoint {
                leave(endpoint, at: .now())
                tried.append(endpoint)
            }
            endpoint = nil
            place(again: true)
            flushToUpstream()
        case .retryFresh:
            if let endpoint { leave(endpoint, at: .now()) }
            place(again: true)
            flushToUpstream()
        case .fail(let failure):
            upstream?.close()
            status = failure.status
            let client = client
            end(keep: nil)
            let isRefusal = failure == .retryRefused || failure == .retryRefusedAfterLoss
            client?.fail(failure, refusal: isRefusal ? set.budget.refusal(at: MonotonicTime(.now())) : nil)
        case .truncate:
            upstream?.close()
            let client = client
            end(keep: nil)
            client?.truncate()
        }
    }

    private func record(_ outcome: OutlierDetector<ObjectIdentifier>.Outcome, at now: NIODeadline) {
        guard let endpoint, let permit else { return }
        worker.record(endpoint, permit, outcome, in: set, at: now)
    }

    private func leave(_ endpoint: Endpoint, at now: NIODeadline) {
        guard let permit else { return }
        self.permit = nil
        set.ended(endpoint, permit, at: now)
    }

    private func withinBudget(_ verdict: ExchangeState.Verdict, at now: NIODeadline) -> ExchangeState.Verdict {
        verdict == .retry && !mayTryAgain(at: now) ? state.retryRefused() : verdict
    }

    private func mayTryAgain(at now: NIODeadline) -> Bool {
        if set.mayTryAgain(at: now) { return true }
        worker.metrics.retryRefused(service: set.service)
        return false
    }

    private func end(keep connection: UpstreamHandler?) {
        let now = NIODeadline.now()
        if let endpoint {
            leave(endpoint, at: now)
            if let connection {
                endpoint.keep(connection, atMost: worker.settings.maxIdlePerInstance, at: now)
            } else {
                upstream?.close()
            }
        }
        if let client { worker.ended(self, for: client, at: now) }
        upstream = nil
        client = nil
        replay = ByteBuffer()
    }
}
