import ApusPrimitives
import Logging
import NIOCore
import NIOSSL

/// What the connections of one server share.
final class ServerCore: Sendable {
    let settings: GRPCServerSettings
    let methods: MethodTable
    let middleware: [any GRPCServerMiddleware]
    let logger: Logger
    let sslContext: NIOSSLContext?
    private let state = Locked(State())

    private struct State {
        var connections: [ObjectIdentifier: ServerDoor] = [:]
        var isDraining = false
        var isClosing = false
        var whenEmpty: CheckedContinuation<Void, Never>?
    }

    init(
        services: [GRPCService], settings: GRPCServerSettings, middleware: [any GRPCServerMiddleware], logger: Logger,
        sslContext: NIOSSLContext?
    ) {
        self.settings = settings
        self.middleware = middleware
        self.logger = logger
        self.sslContext = sslContext
        methods = MethodTable(services)
    }

    var connectionCount: Int { state.withLock { $0.connections.count } }

    /// False when the connection must go: too many, or the server stops.
    func admit(_ door: ServerDoor) -> Bool {
        state.withLock { state in
            guard !state.isDraining, state.connections.count < settings.maxConnections else { return false }
            state.connections[ObjectIdentifier(door)] = door
            return true
        }
    }

    func leave(_ door: ServerDoor) {
        let waiting = state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.connections[ObjectIdentifier(door)] = nil
            guard state.connections.isEmpty else { return nil }
            defer { state.whenEmpty = nil }
            return state.whenEmpty
        }
        waiting?.resume()
    }

    /// Tells every connection to take no more calls, and every new one to go.
    func drain() {
        for door in doors(draining: true) { door.mailbox.post(.drain) }
    }

    /// Ends every connection and cancels its handlers.
    func close() {
        for door in doors(draining: true) { door.mailbox.post(.close) }
    }

    private func doors(draining: Bool) -> [ServerDoor] {
        state.withLock { state in
            state.isDraining = draining
            return Array(state.connections.values)
        }
    }

    /// Waits until the last connection is gone and its handlers have returned. One task waits.
    func waitUntilEmpty() async {
        await withCheckedContinuation { continuation in
            let isEmpty = state.withLock { state in
                if state.connections.isEmpty { return true }
                state.whenEmpty = continuation
                return false
            }
            if isEmpty { continuation.resume() }
        }
    }
}

/// How other threads reach a connection.
final class ServerDoor: Sendable {
    let mailbox: Mailbox<ServerPost>

    init(mailbox: Mailbox<ServerPost>) {
        self.mailbox = mailbox
    }
}

/// What other threads tell a connection.
enum ServerPost: Sendable {
    /// A unary handler has returned.
    case answer(ServerStream, Result<ByteBuffer, any Error>)
    /// The pipe of a stream has something to send.
    case outgoing(ServerStream)
    case consumed(ServerStream, Int)
    /// A handler of streams has returned.
    case returned(ServerStream)
    case drain
    case close
}
