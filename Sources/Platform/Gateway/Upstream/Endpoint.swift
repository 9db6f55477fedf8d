import ApusCoordination
import NIOCore

/// One instance of a service as one event loop sees it: its requests in flight, its idle connections. Stays on its event
/// loop.
final class Endpoint {
    /// Its weight and what is known about it may change while it runs; where it is does not.
    private(set) var instance: ServiceInstance
    /// Nil when the host is a name that must be looked up.
    let address: SocketAddress?
    private(set) var inFlight = 0
    /// Gone from the directory: its connections are not kept any more.
    private(set) var isRemoved = false
    /// The longest idle first.
    private var idle: [UpstreamHandler] = []

    init(_ instance: ServiceInstance) {
        self.instance = instance
        address = try? SocketAddress(ipAddress: instance.host, port: instance.port)
    }

    var idleCount: Int { idle.count }

    /// Takes over what the directory now says about the same process.
    /// - Returns: false when it is about another one.
    func update(_ new: ServiceInstance) -> Bool {
        guard new.id == instance.id, new.host == instance.host, new.port == instance.port else { return false }
        instance = new
        return true
    }

    func began() {
        inFlight += 1
    }

    func ended() {
        inFlight -= 1
    }

    /// The connection that was used last, as it is the least likely to be closed by the instance.
    func takeIdle(notIdleSince limit: NIODeadline) -> UpstreamHandler? {
        guard let last = idle.last, last.idleSince >= limit else { return nil }
        idle.removeLast()
        return last
    }

    /// Keeps a connection for the next request, or closes it.
    func keep(_ connection: UpstreamHandler, atMost limit: Int, at now: NIODeadline) {
        guard !isRemoved, idle.count < limit else { return connection.close() }
        connection.idleSince = now
        idle.append(connection)
    }

    /// A kept connection was closed by the instance.
    func forget(_ connection: UpstreamHandler) {
        idle.removeAll { $0 === connection }
    }

    func closeIdle(since limit: NIODeadline) {
        guard let first = idle.first, first.idleSince < limit else { return }
        let kept = idle.firstIndex { $0.idleSince >= limit } ?? idle.endIndex
        let old = idle[..<kept]
        idle.removeFirst(kept)
        for connection in old { connection.close() }
    }

    func remove() {
        isRemoved = true
        let all = idle
        idle = []
        for connection in all { connection.close() }
    }
}
