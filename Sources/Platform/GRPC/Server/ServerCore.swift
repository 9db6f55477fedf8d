import ApusPrimitives
import Logging
import NIOCore
import NIOSSL

/// What the connections of one server share.
final class ServerCore: Sendable {
    let settings: GRPCServerSettings
    let methods: MethodTable
    let middleware: [any GRPCServerMiddleware]
    /// What takes the connections that do not speak HTTP/2; nil: nobody does.
    let otherwise: (@Sendable (any Channel) throws -> Void)?
    let logger: Logger
    let sslContext: NIOSSLContext?
    private let state = Locked(State())

    /// An open connection.
    private enum Guest {
        /// To `calls` when it turns out to speak HTTP/2.
        case other(any Channel)
        /// Until the handlers of its calls have returned.
        case calls(ServerDoor)
    }

    private struct State {
        var connections: [ObjectIdentifier: Guest] = [:]
        var isDraining = false
        var isClosing = false
        var whenEmpty: CheckedContinuation<Void, Never>?
    }

    init(
        services: [GRPCService], settings: GRPCServerSettings, middleware: [any GRPCServerMiddleware],
        otherwise: (@Sendable (any Channel) throws -> Void)? = nil, logger: Logger, sslContext: NIOSSLContext?
    ) {
        self.settings = settings
        self.middleware = middleware
        self.otherwise = otherwise
        self.logger = logger
        self.sslContext = sslContext
        methods = MethodTable(services)
    }

    var connectionCount: Int { state.withLock { $0.connections.count } }

    /// False when the connection must go: too many, or the server stops.
    func admit(_ channel: any Channel) -> Bool {
        state.withLock { state in
            guard !state.isDraining, state.connections.count < settings.maxConnections else { return false }
            state.connections[ObjectIdentifier(channel)] = .other(channel)
            return true
        }
    }

    /// It speaks HTTP/2, and stays until it leaves. False when it must go: the server stops.
    func serves(_ channel: any Channel, _ door: ServerDoor) -> Bool {
        state.withLock { state in
            guard !state.isDraining, state.connections[ObjectIdentifier(channel)] != nil else { return false }
            state.connections[ObjectIdentifier(channel)] = .calls(door)
            return true
        }
    }

    /// The handlers of its calls have returned.
    func leave(_ channel: any Channel) { remove(channel) { _ in true } }

    func closed(_ channel: any Channel) {
        remove(channel) { if case .other = $0 { true } else { false } }
    }

    private func remove(_ channel: any Channel, if condition: (Guest) -> Bool) {
        let waiting = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard let guest = state.connections[ObjectIdentifier(channel)], condition(guest) else { return nil }
            state.connections[ObjectIdentifier(channel)] = nil
            guard state.connections.isEmpty else { return nil }
            defer { state.whenEmpty = nil }
            return state.whenEmpty
        }
        waiting?.resume()
    }

    /// Whether the client of a connection whose TLS is up shows a certificate that counts.
    func accepts(_ certificate: NIOSSLCertificate?, of channel: any Channel) -> Bool {
        guard let accepts = settings.acceptsClient else { return true }
        if let certificate, accepts(certificate) { return true }
        logger.warning(
            "a client's certificate has none of the allowed names",
            metadata: ["peer": "\(channel.remoteAddress.map(String.init(describing:)) ?? "?")"])
        return false
    }

    /// Tells every connection to take no more calls, and every new one to go.
    func drain() {
        for guest in guests(draining: true) {
            switch guest {
            case .calls(let door): door.mailbox.post(.drain)
            case .other(let channel): channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
            }
        }
    }

    /// Ends every connection and cancels its handlers.
    func close() {
        for guest in guests(draining: true) {
            switch guest {
            case .calls(let door): door.mailbox.post(.close)
            case .other(let channel): channel.close(promise: nil)
            }
        }
    }

    private func guests(draining: Bool) -> [Guest] {
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
