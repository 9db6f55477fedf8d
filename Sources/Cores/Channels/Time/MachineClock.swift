import ApusPrimitives

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// The clock that `ContinuousClock` reads, without its way through `Duration`: a call that is made twice around every call
/// of a service costs a third.
struct MachineClock: Sendable {
    /// Nanoseconds of the machine's clock.
    let origin = Self.nanoseconds()
    /// The same moment or a little later, so that nobody who sleeps by it wakes too early.
    private let instant = ContinuousClock.now

    static func now(since origin: Int64) -> MonotonicTime {
        MonotonicTime(nanoseconds: nanoseconds() - origin)
    }

    /// - Throws: `CancellationError`.
    func sleep(until moment: MonotonicTime) async throws {
        try await ContinuousClock().sleep(until: instant + (moment - .zero))
    }

    private static func nanoseconds() -> Int64 {
        #if canImport(Darwin)
            Int64(clock_gettime_nsec_np(CLOCK_MONOTONIC_RAW))
        #else
            var time = timespec()
            clock_gettime(CLOCK_BOOTTIME, &time)
            return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
        #endif
    }
}
