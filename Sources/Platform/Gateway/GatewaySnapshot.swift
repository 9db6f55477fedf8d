/// How much of everything there is at one moment.
struct GatewaySnapshot: Sendable, Hashable {
    var clients = 0
    var instances = 0
    var exchanges = 0
    var inFlight = 0
    var upstreams = 0
    var idleUpstreams = 0
    var peakBuffered = 0

    init() {}

    init(_ worker: Worker) {
        clients = worker.clientCount
        instances = worker.instanceCount
        exchanges = worker.exchangeCount
        inFlight = worker.inFlight
        upstreams = worker.upstreams
        idleUpstreams = worker.idleUpstreams
        peakBuffered = worker.peakBuffered
    }

    static func + (left: Self, right: Self) -> Self {
        var sum = left
        sum.clients += right.clients
        sum.instances += right.instances
        sum.exchanges += right.exchanges
        sum.inFlight += right.inFlight
        sum.upstreams += right.upstreams
        sum.idleUpstreams += right.idleUpstreams
        sum.peakBuffered = max(left.peakBuffered, right.peakBuffered)
        return sum
    }
}
