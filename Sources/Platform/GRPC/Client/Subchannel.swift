import ApusPrimitives
import ApusResilience
import NIOCore
import NIOPosix
import NIOSSL

/// The connection to one endpoint, made again whenever a call wants it: idle → connecting → ready → idle, with a backoff after
/// a failure.
// Safe: its state is touched on its loop only.
final class Subchannel: @unchecked Sendable {
    private enum State {
        case idle
        case connecting
        case ready(ClientConnection)
        case backingOff
    }

    let endpoint: GRPCEndpoint
    private let core: ClientCore
    private let loop: any EventLoop
    private var state = State.idle
    /// Counts the attempts to connect: connections of an earlier one may still be ending their calls. One attempt may try
    /// several addresses of a name at a time, and only the first that answers counts.
    private var attempt = 0
    private var connected: (any Channel)?
    private var failures = 0

    init(endpoint: GRPCEndpoint, core: ClientCore, loop: any EventLoop) {
        self.endpoint = endpoint
        self.core = core
        self.loop = loop
    }

    /// Connects, when idle; from any thread.
    func connect() {
        loop.execute { self.connectOnLoop() }
    }

    private func connectOnLoop() {
        guard case .idle = state else { return }
        state = .connecting
        attempt += 1
        let attempt = attempt
        core.changed(self, .connecting)
        let timeout = core.settings.backoff.minimumConnectTimeout
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(.nanoseconds(timeout.nanoseconds))
            .resolver(core.settings.nameResolver)
            .channelOption(.maxMessagesPerRead, value: 4)
            .channelOption(.writeBufferWaterMark, value: .init(low: 64 * 1024, high: 256 * 1024))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try self.setUp(channel, timeout: timeout, attempt) }
            }
        let connecting =
            switch endpoint {
            case .host(let host, let port):
                bootstrap.channelOption(.tcpOption(.tcp_nodelay), value: 1).connect(host: host, port: port)
            case .unixSocket(let path): bootstrap.connect(unixDomainSocketPath: path)
            }
        connecting.assumeIsolated().whenComplete { result in
            switch result {
            case .failure(let error): self.failed(error)
            case .success(let channel) where !channel.isActive: self.failed(ChannelError.eof)
            case .success(let channel):
                if case .connecting = self.state { self.connected = channel }
            }
        }
    }

    private func setUp(_ channel: any Channel, timeout: Duration, _ attempt: Int) throws {
        let host: String =
            switch endpoint {
            case .host(let host, _): host
            case .unixSocket: "localhost"
            }
        var authority = core.settings.authority ?? "localhost"
        if core.settings.authority == nil, case .host = endpoint { authority = endpoint.description }
        if let context = core.sslContext {
            let name = core.settings.authority ?? host
            // An address is no name that SNI may carry.
            let isAddress = (try? SocketAddress(ipAddress: name, port: 0)) != nil
            try channel.pipeline.syncOperations.addHandler(
                NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : name))
        }
        var connection: ClientConnection?
        let handshake = loop.assumeIsolated().scheduleTask(in: .nanoseconds(timeout.nanoseconds)) {
            channel.close(promise: nil)
        }
        var settings = core.settings
        settings.keepaliveInterval = core.keepaliveInterval
        let new = ClientConnection(
            settings: settings, scheme: core.sslContext == nil ? "http" : "https", authority: authority,
            channel: channel
        ) { change in
            guard let current = connection else { return }
            switch change {
            case .ready: handshake.cancel()
            case .closed:
                handshake.cancel()
                connection = nil
            case .goingAway, .tooManyPings: break
            }
            self.changed(current, change, attempt)
        }
        connection = new
        guard core.opened(new.door) else { throw ChannelError.ioOnClosedChannel }
        try channel.pipeline.syncOperations.addHandler(new)
    }

    private func changed(_ connection: ClientConnection, _ change: ClientConnection.Change, _ attempt: Int) {
        switch change {
        case .ready:
            guard case .connecting = state, attempt == self.attempt else { return }
            connected = nil
            failures = 0
            state = .ready(connection)
            core.changed(self, .ready, door: connection.door)
        case .tooManyPings: core.tooManyPings()
        case .goingAway:
            guard case .ready(let current) = state, current === connection else { return }
            state = .idle
            core.changed(self, .idle)
        case .closed(let error):
            core.closed(connection.door)
            if let connected, connected === connection.channel { failed(error ?? ChannelError.eof) }
        }
    }

    private func failed(_ error: any Error) {
        guard case .connecting = state else { return }
        connected = nil
        failures += 1
        state = .backingOff
        let failure = GRPCError(
            .unavailable, "no connection to \(endpoint)", reach: .notSent, cause: error)
        core.changed(self, .transientFailure, failure: failure)
        var random = SystemRandomNumberGenerator()
        let delay = core.settings.backoff.delay(afterFailures: failures, using: &random)
        loop.assumeIsolated().scheduleTask(in: .nanoseconds(delay.nanoseconds)) {
            self.state = .idle
            self.core.changed(self, .idle)
        }
    }
}
