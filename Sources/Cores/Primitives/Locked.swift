public import NIOConcurrencyHelpers

/// State that several threads share, reachable only while its lock is held.
///
/// The one lock of the project: what is inside can be changed here, for everybody. It stands on NIO's pthread lock
/// rather than `Synchronization.Mutex`, whose priority-inheritance futex collapses under contention on Linux
/// (swiftlang/swift 88440). A copy shares the state of its original.
// Safe: `state` is reached only in `withLock`, and `init` takes a value that nobody else has (`sending`).
public struct Locked<State>: @unchecked Sendable {
    @usableFromInline
    final class Storage {
        @usableFromInline let lock = NIOLock()
        // Whoever came in twice would wait for itself before a check could tell.
        @exclusivity(unchecked) @usableFromInline var state: State

        init(_ state: State) {
            self.state = state
        }
    }

    @usableFromInline let storage: Storage

    public init(_ state: sending State) {
        storage = Storage(state)
    }

    /// Runs `body` with exclusive access. It must be short and must not take another lock or wait.
    @inlinable
    public func withLock<Result, Failure: Error>(
        _ body: (inout State) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        storage.lock.lock()
        defer { storage.lock.unlock() }
        return try body(&storage.state)
    }
}
