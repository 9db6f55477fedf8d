import ApusEtcdAPI
import ApusPrimitives

/// What waits to be sent on one stream, between an event loop that must not wait and the task that sends.
///
/// It takes whatever it is given; who gives asks `hasRoom` first, and goes on when `whenRoom` is called. What the task has
/// taken and not sent yet is no longer counted: a stream holds at most about twice `limitBytes`, and one message.
final class Outbox<Element: Sendable>: Sendable {
    private struct State {
        var elements: [Element] = []
        var bytes = 0
        var end: Result<Void, any Error>?
        /// Somebody was told that there is no room.
        var owesRoom = false
        var taker: CheckedContinuation<[Element], any Error>?
        var waiter: CheckedContinuation<Void, Never>?

        mutating func takeWaiter() -> CheckedContinuation<Void, Never>? {
            defer { waiter = nil }
            return waiter
        }
    }

    private let state = Locked(State())
    private let limitBytes: Int
    private let whenRoom: @Sendable () -> Void

    /// - Parameter whenRoom: called from any thread, once after each time that `hasRoom` was false.
    init(limitBytes: Int, whenRoom: @escaping @Sendable () -> Void) {
        self.limitBytes = limitBytes
        self.whenRoom = whenRoom
    }

    /// Whether more should be added; when not, `whenRoom` is called as soon as it should.
    func hasRoom() -> Bool {
        state.withLock { state in
            let hasRoom = state.bytes < limitBytes
            if !hasRoom { state.owesRoom = true }
            return hasRoom
        }
    }

    func add(_ element: Element, bytes: Int) {
        let taker: CheckedContinuation<[Element], any Error>? = state.withLock { state in
            if state.end != nil { return nil }
            if let taker = state.taker {
                state.taker = nil
                return taker
            }
            state.elements.append(element)
            state.bytes += bytes
            return nil
        }
        taker?.resume(returning: [element])
    }

    /// Nothing follows. What is waiting is still taken, unless it is a failure. The first end counts.
    func end(_ error: (any Error)? = nil) {
        let (taker, waiter) = state.withLock { state -> (CheckedContinuation<[Element], any Error>?, CheckedContinuation<Void, Never>?) in
            guard state.end == nil else { return (nil, nil) }
            state.end = error.map { .failure($0) } ?? .success(())
            if error != nil {
                state.elements = []
                state.bytes = 0
            }
            defer { state.taker = nil }
            return (state.taker, state.takeWaiter())
        }
        waiter?.resume()
        if let error { taker?.resume(throwing: error) } else { taker?.resume(returning: []) }
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
                enum Step {
                    case resume(Result<[Element], any Error>, owesRoom: Bool, CheckedContinuation<Void, Never>?)
                    case wait
                }
                let step: Step = state.withLock { state in
                    if !state.elements.isEmpty {
                        defer {
                            state.elements = []
                            state.bytes = 0
                            state.owesRoom = false
                        }
                        return .resume(.success(state.elements), owesRoom: state.owesRoom, state.takeWaiter())
                    }
                    if let end = state.end { return .resume(end.map { [] }, owesRoom: false, nil) }
                    state.taker = continuation
                    return .wait
                }
                guard case .resume(let result, let owesRoom, let waiter) = step else { return }
                continuation.resume(with: result)
                waiter?.resume()
                if owesRoom { whenRoom() }
            }
        } onCancel: {
            end(CancellationError())
        }
    }
}
