#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// Where one thread sleeps until another wakes it. A wake that comes first is kept, one at most.
///
/// For threads that the project runs itself; a task waits with a continuation.
// Safe: `permit` is reached only while `mutex` is held.
public final class ThreadParker: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var permit = false

    public init() {
        pthread_mutex_init(mutex, nil)
        #if canImport(Darwin)
            pthread_cond_init(condition, nil)
        #else
            var attributes = pthread_condattr_t()
            pthread_condattr_init(&attributes)
            pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
            pthread_cond_init(condition, &attributes)
            pthread_condattr_destroy(&attributes)
        #endif
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Sleeps until it is woken.
    public func park() {
        pthread_mutex_lock(mutex)
        while !permit { pthread_cond_wait(condition, mutex) }
        permit = false
        pthread_mutex_unlock(mutex)
    }

    /// Sleeps until it is woken, or for `nanoseconds`, at most a second.
    ///
    /// - Returns: false when the time has passed.
    public func park(nanoseconds: Int) -> Bool {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        if !permit { waitOnce(nanoseconds: min(nanoseconds, 1_000_000_000)) }
        defer { permit = false }
        return permit
    }

    public func unpark() {
        pthread_mutex_lock(mutex)
        let wakes = !permit
        permit = true
        pthread_mutex_unlock(mutex)
        if wakes { pthread_cond_signal(condition) }
    }

    /// It may return early for no reason, as `pthread_cond_timedwait` may.
    private func waitOnce(nanoseconds: Int) {
        #if canImport(Darwin)
            var time = timespec(tv_sec: nanoseconds / 1_000_000_000, tv_nsec: nanoseconds % 1_000_000_000)
            pthread_cond_timedwait_relative_np(condition, mutex, &time)
        #else
            var time = timespec()
            clock_gettime(CLOCK_MONOTONIC, &time)
            let sum = Int(time.tv_nsec) + nanoseconds
            time.tv_sec += sum / 1_000_000_000
            time.tv_nsec = sum % 1_000_000_000
            pthread_cond_timedwait(condition, mutex, &time)
        #endif
    }
}
