import ApusPrimitives
import NIOCore
import NIOHTTP1

/// The lines of a stream; one task writes at a time.
final class GatewayStream: Sendable {
    private struct State {
        var hasBegun = false
        var isBroken = false
    }

    private let replier: HTTPReplier
    private let state = Locked(State())

    init(_ replier: HTTPReplier) {
        self.replier = replier
    }

    /// The client has gone.
    var isBroken: Bool { state.withLock { $0.isBroken } }

    func send(_ json: ByteBuffer) async throws {
        var line = ByteBuffer(string: "{\"result\":")
        var json = json
        line.writeBuffer(&json)
        line.writeString("}\n")
        do {
            try await begin()
            try await replier.write(line)
        } catch {
            state.withLock { $0.isBroken = true }
            throw error
        }
    }

    func fail(_ error: GatewayError) async throws {
        guard state.withLock({ $0.hasBegun }) else { return try await replier.send(error.response) }
        try await replier.write(ByteBuffer(string: error.line))
        try await replier.end()
    }

    func end() async throws {
        try await begin()
        try await replier.end()
    }

    private func begin() async throws {
        let isFirst = state.withLock { state in
            defer { state.hasBegun = true }
            return !state.hasBegun
        }
        guard isFirst else { return }
        try await replier.begin(
            .ok, ["Content-Type": "application/json", "Grpc-Metadata-Content-Type": "application/grpc"])
    }
}

/// Messages that are there already.
final class MessageQueue: Sendable {
    private let rest: Locked<ArraySlice<ByteBuffer>>

    init(_ messages: [ByteBuffer]) {
        rest = Locked(messages[...])
    }

    func next() -> ByteBuffer? { rest.withLock { $0.popFirst() } }
}
