import ApusPrimitives
import DequeModule
import NIOCore

/// The loop's side of a pipe.
extension MessagePipe {
    /// Takes what is whole out of `decoder`, to which `count` bytes have just been added.
    ///
    /// - Returns: bytes to give back to the peer now. Those of a message that waits for its reader are given back when it is read,
    ///   and those of one that is not whole when none waits before it, because it could not become whole otherwise.
    func feed(_ decoder: inout MessageDecoder, _ count: Int) throws(GRPCError) -> Int {
        var free = 0
        var kept =
            count
            + state.withLock { state in
                defer { state.heldOfPartial = 0 }
                return state.heldOfPartial
            }
        var pending = decoder.pendingBytes
        while let message = try decoder.next() {
            let size = pending - decoder.pendingBytes
            pending = decoder.pendingBytes
            let held = min(size, kept)
            kept -= held
            if received(message, heldBytes: held, cameWith: count) { free += held }
        }
        guard kept > 0 else { return free }
        return state.withLock { state in
            if state.incoming.isEmpty { return free + kept }
            state.heldOfPartial = kept
            return free
        }
    }

    /// A message that waits may keep so many times as much memory alive as came with it; beyond that it is copied.
    static let storageRatio = 16

    /// A message has come, the last of it in a piece of `count` bytes. True when a reader took it at once.
    private func received(_ message: ByteBuffer, heldBytes: Int, cameWith count: Int) -> Bool {
        let reader = state.withLock { state -> CheckedContinuation<ByteBuffer?, any Error>? in
            if let reader = state.reader {
                state.reader = nil
                return reader.continuation
            }
            let isSmall = message.storageCapacity > Self.storageRatio * max(count, message.readableBytes)
            state.incoming.append(
                Incoming(message: isSmall ? message.compacted() : message, heldBytes: heldBytes))
            return nil
        }
        reader?.resume(returning: message)
        return reader != nil
    }

    /// No message follows those that came. Only the first end counts.
    func receivedEnd(_ end: Result<Void, GRPCError>) {
        let reader = state.withLock { state -> CheckedContinuation<ByteBuffer?, any Error>? in
            guard state.incomingEnd == nil else { return nil }
            state.incomingEnd = end
            defer { state.reader = nil }
            return state.reader?.continuation
        }
        switch end {
        case .success: reader?.resume(returning: nil)
        case .failure(let error): reader?.resume(throwing: error)
        }
    }

    /// The stream is over: whoever sends or reads gets `error`, after the messages that came before.
    func failed(_ error: GRPCError) {
        receivedEnd(.failure(error))
        let writers = state.withLock { state in
            state.failure = state.failure ?? error
            state.outgoing = []
            state.outgoingBytes = 0
            return state.takeWriters()
        }
        for writer in writers { writer.resume(throwing: error) }
    }

    /// What is to be sent now; nothing while the codec's queue is full.
    func takeOutgoing() -> [Outgoing] {
        state.withLock { state in
            state.isPosted = false
            guard !state.isFull else { return [] }
            defer {
                state.outgoing = []
                state.outgoingBytes = 0
            }
            return state.outgoing
        }
    }

    /// What `takeOutgoing` gave is with the codec, whose queue for this stream has room or has not.
    func sent(isFull: Bool) {
        let writers = state.withLock { state -> [CheckedContinuation<Void, any Error>] in
            state.isFull = isFull
            return state.mustWait ? [] : state.takeWriters()
        }
        for writer in writers { writer.resume() }
    }
}

extension MessagePipe.State {
    /// In the order in which they came.
    fileprivate mutating func takeWriters() -> [CheckedContinuation<Void, any Error>] {
        defer { writers = [:] }
        return writers.sorted { $0.key < $1.key }.map(\.value)
    }
}

extension ByteBuffer {
    /// Itself, in storage of its own size.
    fileprivate func compacted() -> ByteBuffer {
        var copy = ByteBuffer()
        copy.reserveCapacity(readableBytes)
        copy.writeImmutableBuffer(self)
        return copy
    }
}
