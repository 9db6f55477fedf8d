import ApusEtcdAPI
import ApusPrimitives

/// What waits to be sent on one stream, between an event loop that must not wait and the task that sends.
///
/// With `offer`, the task has nothing to do but when there is no room: what is added goes straight on.
///
/// It takes whatever it is given; who gives asks `hasRoom` first, and goes on when `whenRoom` is called. What the task has
/// taken and not sent yet is no longer counted: a stream holds at most about twice `limitBytes`, and one message.
final class Outbox<Element: Sendable>: Sendable {
    private struct State {
        var elements: [Element] = []
        var bytes = 0
        var end: Result<Void, any Error>?
        /// There was no room for `offer`: what comes waits for the task, which first sends what is before it.
        var isHeldBack = false
        /// Somebody was told that there is no room.
        var owesRoom = false
        var taker: CheckedContinuation<[Element], any Error>?
        var waiter: CheckedContinuation<Void, Never>?

        mutating func take(_ continuation: CheckedContinuation<[Element], any Error>) -> Taken {
            if !elements.isEmpty {
                let taken = Taken(result: .success(elements), owesRoom: owesRoom, waiter: takeWaiter())
                elements = []
                bytes = 0
                owesRoom = false
                return taken
            }
            if let end { return Taken(result: end.map { [] }) }
            isHeldBack = false
            taker = continuation
            return Taken()
        }

        mutating func takeWaiter() -> CheckedContinuation<Void, Never>? {
            defer { waiter = nil }
            return waiter
        }
    }

    private struct Taken {
        /// Nil: one must wait.
        var result: Result<[Element], any Error>?
        var owesRoom = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private struct Ended {
        var taker: CheckedContinuation<[Element], any Error>?
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Locked(State())
    private let limitBytes: Int
    private let whenRoom: @Sendable () -> Void
    private let offer: (@Sendable ([Element]) -> Bool)?

    /// - Parameters:
    ///   - offer: sends elements at once, all of them or none; called by who adds, which is then one thread.
    ///   - whenRoom: called from any thread, once after each time that `room` had none.
    init(
        limitBytes: Int, offer: (@Sendable ([Element]) -> Bool)? = nil, whenRoom: @escaping @Sendable () -> Void
    ) {
        self.limitBytes = limitBytes
        self.offer = offer
        self.whenRoom = whenRoom
    }

    /// How many bytes should be added at most; when none, `whenRoom` is called as soon as some should.
    ///
    /// - Parameter share: fewer bytes than `limitBytes`, when that is what may wait now.
    func room(_ share: Int = .max) -> Int {
        state.withLock { state in
            let room = min(share, limitBytes) - state.bytes
            if room <= 0 { state.owesRoom = true }
            return room
        }
    }

    func add(_ element: Element, bytes: Int) { add([element], bytes: bytes) }

    func add(_ elements: [Element], bytes: Int) {
        if let offer, state.withLock({ !$0.isHeldBack && $0.end == nil }), offer(elements) { return }
        let taker: CheckedContinuation<[Element], any Error>? = state.withLock { state in
            if state.end != nil { return nil }
            state.isHeldBack = true
            if let taker = state.taker {
                state.taker = nil
                return taker
            }
            state.elements += elements
            state.bytes += bytes
            return nil
        }
        taker?.resume(returning: elements)
    }

    /// Nothing follows. What is waiting is still taken, unless it is a failure. The first end counts.
    func end(_ error: (any Error)? = nil) {
        let ended = state.withLock { state in
            guard state.end == nil else { return Ended() }
            state.end = error.map { .failure($0) } ?? .success(())
            if error != nil {
                state.elements = []
                state.bytes = 0
            }
            defer { state.taker = nil }
            return Ended(taker: state.taker, waiter: state.takeWaiter())
        }
        ended.waiter?.resume()
        if let error { ended.taker?.resume(throwing: error) } else { ended.taker?.resume(returning: []) }
    }

    /// Waits until there is room, or nobody will take any more. One task waits.
    func waitForRoom() async {
        await withCheckedContinuation { continuation in
            let hasRoom = state.withLock { state in
                if state.end != nil || state.bytes < limitBytes { return true }
                state.waiter = continuation
                return false
            }
            if hasRoom { continuation.resume() }
        }
    }

    /// All that waits, as soon as there is any; empty after the end. One task takes.
    ///
    /// - Throws: what it ended with, `CancellationError`.
    func take() async throws -> [Element] {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let taken = state.withLock { $0.take(continuation) }
                guard let result = taken.result else { return }
                continuation.resume(with: result)
                taken.waiter?.resume()
                if taken.owesRoom { whenRoom() }
            }
        } onCancel: {
            end(CancellationError())
        }
    }
}
