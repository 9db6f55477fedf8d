import ApusPrimitives
public import ApusResilience
public import NIOCore

/// The methods of services, called in the process: for another way to reach them, such as a JSON gateway. Messages are bytes,
/// as on the wire and without gRPC's framing.
public struct GRPCLocalServices: Sendable {
    private let methods: [String: GRPCService.Handler]

    public init(_ services: [GRPCService]) {
        var methods: [String: GRPCService.Handler] = [:]
        for service in services {
            for method in service.methods { methods["\(service.name)/\(method.name)"] = method.handler }
        }
        self.methods = methods
    }

    /// Whether the method takes or gives streams; nil for an unknown one.
    /// - Parameter path: "package.Service/Method".
    public func isStream(_ path: String) -> Bool? {
        switch methods[path] {
        case nil: nil
        case .stream: true
        case .onLoop, .deferred, .unary: false
        }
    }

    /// Calls a unary method.
    ///
    /// - Throws: `GRPCError`: what the method failed with, `.unimplemented` for one that is not there or has streams;
    ///   `CancellationError`.
    public func unary(_ path: String, _ message: ByteBuffer, _ head: GRPCRequestHead) async throws -> ByteBuffer {
        switch methods[path] {
        case .deferred(let handler):
            let result = LocalResult()
            handler(message, head, GRPCAnswer { result.settle($0) })
            return try await result.value()
        case .unary(let handler):
            return try await Self.asGRPC { try await handler(message, GRPCServerCall(head: head)) }
        case .onLoop, .stream, nil: throw GRPCError(.unimplemented, "unknown method \(path)")
        }
    }

    /// Calls a method with streams; returns when it does.
    ///
    /// - Parameters:
    ///   - next: gives the messages of the caller, and nil after the last.
    ///   - send: takes each message of the answer; the method waits until it returns.
    /// - Throws: `GRPCError`, `CancellationError`, what `next` and `send` throw.
    public func stream(
        _ path: String, _ head: GRPCRequestHead, next: @escaping @Sendable () async throws -> ByteBuffer?,
        send: @escaping @Sendable (ByteBuffer) async throws -> Void
    ) async throws {
        guard case .stream(let handler) = methods[path] else {
            throw GRPCError(.unimplemented, "unknown method \(path)")
        }
        try await Self.asGRPC {
            try await handler(GRPCMessages(next), GRPCMessageWriter(send), GRPCServerCall(head: head))
        }
    }

    private static func asGRPC<Value>(_ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch let error as CancellationError {
            throw error
        } catch {
            throw GRPCError(thrown: error)
        }
    }
}

extension GRPCRequestHead {
    /// Of a call that did not come by HTTP/2.
    public init(local path: String, metadata: GRPCMetadata, deadline: Deadline? = nil, peer: GRPCPeer) {
        var headers = HTTP2Headers()
        headers.append(metadata)
        self.init(path: path, isKnown: true, headers: headers, deadline: deadline, peer: peer)
    }
}

/// Waits for a `GRPCAnswer`, which comes once, whether or not its caller still waits.
private final class LocalResult: Sendable {
    private enum State {
        case waiting
        case awaited(CheckedContinuation<ByteBuffer, any Error>)
        case settled(Result<ByteBuffer, any Error>)
        case over
    }

    private let state = Locked(State.waiting)

    func settle(_ result: Result<ByteBuffer, any Error>) {
        let continuation: CheckedContinuation<ByteBuffer, any Error>? = state.withLock { state in
            switch state {
            case .waiting: state = .settled(result)
            case .awaited(let continuation):
                state = .over
                return continuation
            case .settled, .over: break
            }
            return nil
        }
        continuation?.resume(with: result)
    }

    func value() async throws -> ByteBuffer {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let settled: Result<ByteBuffer, any Error>? = state.withLock { state in
                    if case .settled(let result) = state {
                        state = .over
                        return result
                    }
                    state = .awaited(continuation)
                    return nil
                }
                if let settled { continuation.resume(with: settled) }
            }
        } onCancel: {
            settle(.failure(CancellationError()))
        }
    }
}
