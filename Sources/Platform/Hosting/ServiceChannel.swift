import ApusObservability
import ApusPrimitives
import ApusRPC
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1

/// How connections of a service are set up: Hummingbird's HTTP/1.1, with a `RequestGate` behind the decoder.
struct ServiceChannel: ServerChildChannel {
    struct Value: ServerChildChannelValue {
        let base: HTTP1Channel.Value
        let control: ConnectionControl
        var channel: any Channel { base.channel }
    }

    private let base: HTTP1Channel
    private let settings: HostSettings
    private let metrics: RequestMetrics
    private let connections: OpenConnections

    init(
        settings: HostSettings, metrics: RequestMetrics, connections: OpenConnections,
        responder: @escaping HTTPChannelHandler.Responder
    ) {
        // The gate's own bounds come first; these hold for what it does not see, such as trailers.
        let decoder = HTTP1Channel.Configuration.DecoderConfiguration(
            maxHeaderFieldSize: settings.maxHeaderBytes + settings.maxTargetBytes,
            maxHeaderListSize: settings.maxHeaderBytes + settings.maxTargetBytes, maxHeaderFieldCount: 1000)
        base = HTTP1Channel(responder: responder, configuration: .init(httpDecoderConfiguration: decoder))
        self.settings = settings
        self.metrics = metrics
        self.connections = connections
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        let control = ConnectionControl(maxBodyBytes: settings.maxBodyBytes)
        let limits = RequestGate.Limits(
            headerBytes: settings.maxHeaderBytes, targetBytes: settings.maxTargetBytes,
            bodyBytes: settings.maxBodyBytes, readTimeout: TimeAmount(settings.readTimeout),
            idleTimeout: TimeAmount(settings.idleTimeout))
        connections.add(channel)
        return base.setup(channel: channel, logger: logger).flatMapThrowing { value in
            let pipeline = channel.pipeline.syncOperations
            let gate = RequestGate(limits: limits, control: control) { [metrics] problem, trace in
                metrics.refused(status: problem.status)
                TraceContext.$current.withValue(trace) {
                    logger.debug(
                        "refused before a handler",
                        metadata: [
                            "status": .stringConvertible(problem.status), "detail": "\(problem.detail ?? "")",
                        ])
                }
            }
            let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
            try pipeline.addHandler(gate, position: .after(decoder))
            try pipeline.addHandler(ByteCounter(gate: gate), position: .first)
            // A server that stops drops what it has just accepted; NIO traps when that goes before its channel is closed.
            channel.closeFuture.whenComplete { _ in withExtendedLifetime(value) {} }
            return Value(base: value, control: control)
        }
    }

    func handle(value: Value, logger: Logger) async {
        await ConnectionControl.$current.withValue(value.control) {
            await base.handle(value: value.base, logger: logger)
        }
    }
}

/// The connections of a server, to end them all at once, and those that come after.
final class OpenConnections: Sendable {
    private struct State {
        var channels: [ObjectIdentifier: any Channel] = [:]
        var isClosed = false
    }

    private let state = Locked(State())

    func add(_ channel: any Channel) {
        let id = ObjectIdentifier(channel)
        let isClosed = state.withLock { state in
            state.channels[id] = channel
            return state.isClosed
        }
        channel.closeFuture.whenComplete { _ in self.state.withLock { $0.channels[id] = nil } }
        if isClosed { channel.close(promise: nil) }
    }

    var count: Int { state.withLock { $0.channels.count } }

    func closeAll() {
        let open = state.withLock { state in
            state.isClosed = true
            return Array(state.channels.values)
        }
        for channel in open { channel.close(promise: nil) }
    }
}
