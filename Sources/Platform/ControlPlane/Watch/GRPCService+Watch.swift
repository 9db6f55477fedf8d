import ApusEtcdAPI
import ApusGRPC
import ApusKV
import NIOCore
import SwiftProtobuf

extension GRPCService {
    /// etcd's Watch service.
    static func watch(_ core: ControlCore) -> GRPCService {
        GRPCService(EtcdService.watch) { service in
            service.stream(raw: "Watch") { requests, replies, call in
                try await core.withLeader(call.head) { try await core.watch(requests, replies, call.head) }
            }
        }
    }
}

extension ControlCore {
    fileprivate func watch(
        _ requests: GRPCMessages<ByteBuffer>, _ replies: GRPCMessageWriter<ByteBuffer>, _ head: GRPCRequestHead
    ) async throws {
        let (stream, outbox) = watches.makeWireStream { responses in
            // Refused by a stream that has ended: nobody waits for them.
            (try? replies.offer(contentsOf: responses)) ?? true
        }
        defer { watches.eventLoop.execute { [watches] in watches.close(stream) } }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while case let responses = try await outbox.take(), !responses.isEmpty {
                    try await replies.send(contentsOf: responses)
                }
            }
            group.addTask {
                // A caller that has nothing more to ask goes on watching.
                while let bytes = try await requests.next() {
                    try await self.handle(try EtcdWatchRequest.decoded(bytes), on: stream, head)
                    await outbox.waitForRoom()
                }
            }
            while try await group.next() != nil {}
        }
    }

    /// Returns when the hub has dealt with the request, so that a caller is not read faster than it is served.
    private func handle(_ request: EtcdWatchRequest, on stream: WatchStream, _ head: GRPCRequestHead) async throws {
        guard let request = request.requestUnion else { return }
        // A token that this member does not know yet is waited for; what is wrong with it is the watch's to say.
        if case .createRequest = request { _ = try? await knownCaller(head) }
        let watches = watches
        let result: Result<Void, EtcdError> = await withCheckedContinuation { continuation in
            read(linearizable: false) { machine in
                continuation.resume(
                    returning: machine.map { machine in
                        switch request {
                        case .createRequest(let request):
                            watches.create(
                                request, on: stream, machine.store, refusal: self.refusal(request, machine, head))
                        case .cancelRequest(let request): watches.cancel(request.watchID, on: stream, machine.store)
                        case .progressRequest: watches.requestProgress(stream, machine.store)
                        }
                    })
            }
        }
        try result.mapError(\.status).get()
    }

    private func refusal(
        _ request: EtcdWatchCreateRequest, _ machine: ControlMachine, _ head: GRPCRequestHead
    ) -> EtcdError? {
        do throws(EtcdError) {
            try machine.auth.check(try caller(head), watch: WatchRequest(request).range)
            return nil
        } catch {
            return error
        }
    }
}

extension WatchHub {
    /// A stream for a caller elsewhere, and what is to be sent to it.
    ///
    /// - Parameter offer: as `Outbox` has it; called on the event loop.
    func makeWireStream(
        offer: (@Sendable ([ByteBuffer]) -> Bool)? = nil
    ) -> (WatchStream, Outbox<ByteBuffer>) {
        let reference = WatchStreamReference()
        let outbox = Outbox<ByteBuffer>(limitBytes: Self.streamBytes, offer: offer) { [self] in
            eventLoop.execute { reference.stream.map(self.hasRoom) }
        }
        let stream = WatchStream(sink: .wire(outbox))
        reference.stream = stream
        eventLoop.execute { self.open(stream) }
        return (stream, outbox)
    }

    /// A stream for a part of this server.
    func makeLocalStream() -> (WatchStream, Outbox<Event>) {
        let reference = WatchStreamReference()
        let outbox = Outbox<Event>(limitBytes: Self.streamBytes) { [self] in
            eventLoop.execute { reference.stream.map(self.hasRoom) }
        }
        let stream = WatchStream(sink: .local(outbox))
        reference.stream = stream
        eventLoop.execute { self.open(stream) }
        return (stream, outbox)
    }
}

/// How an outbox finds the stream that it belongs to.
// Safe: set before anybody else has it.
private final class WatchStreamReference: @unchecked Sendable {
    weak var stream: WatchStream?
}

extension Message {
    /// - Throws: `GRPCError` `.invalidArgument`, because the caller sent it.
    static func decoded(_ bytes: ByteBuffer) throws(GRPCError) -> Self {
        do {
            return try bytes.withUnsafeReadableBytes { try Self(serializedBytes: $0.isEmpty ? [] : Array($0)) }
        } catch {
            throw GRPCError(.invalidArgument, "the request is not a \(Self.protoMessageName)", cause: error)
        }
    }
}

extension EtcdError {
    /// As Go's gRPC prints a status: etcd puts that into the reason for which a watch is cancelled.
    var goDescription: String {
        let name =
            switch code {
            case .permissionDenied: "PermissionDenied"
            case .unauthenticated: "Unauthenticated"
            case .invalidArgument: "InvalidArgument"
            case .failedPrecondition: "FailedPrecondition"
            case .unavailable: "Unavailable"
            default: "Unknown"
            }
        return "rpc error: code = \(name) desc = \(message)"
    }
}
