public import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// A lock for sections of a few dozen instructions that call nothing and wait for nothing, where its price is most of the
/// work: the channels. Everything else takes `Locked`.
///
/// A free lock costs one atomic exchange, and giving it back a plain store. Who finds it taken looks again a few times,
/// then yields the processor, and then sleeps for growing times up to a millisecond, so that an owner who was interrupted
/// gets to run even below waiters of a higher priority.
public struct ShortLock: ~Copyable, Sendable {
    @usableFromInline let taken = Atomic<Bool>(false)

    @inlinable
    public init() {}

    @inlinable @inline(__always)
    public func lock() {
        if taken.exchange(true, ordering: .acquiring) { wait() }
    }

    @inlinable @inline(__always)
    public func unlock() {
        taken.store(false, ordering: .releasing)
    }

    private static let looks = 64
    private static let yields = 16
    private static let longestSleepMicroseconds: UInt32 = 1_000

    @usableFromInline @inline(never)
    func wait() {
        var round = 0
        while true {
            for _ in 0..<Self.looks where !taken.load(ordering: .relaxed) {
                if !taken.exchange(true, ordering: .acquiring) { return }
            }
            round += 1
            if round <= Self.yields {
                _ = sched_yield()
            } else {
                usleep(min(UInt32(round - Self.yields) * 10, Self.longestSleepMicroseconds))
            }
        }
    }
}
