import Foundation

/// How the C library's allocator shares memory out.
enum Allocator {
    /// One heap for all threads. With one for each, what one thread frees of another's is found again late, and a heap that is not
    /// the first grows by single pages: a member took a twentieth more memory, and a twentieth of its time went into `mprotect`.
    ///
    /// To be called before there are other threads. Only glibc has it.
    static func useOneHeap() {
        guard let address = dlsym(nil, "mallopt") else { return }
        let mallopt = unsafeBitCast(address, to: (@convention(c) (Int32, Int32) -> Int32).self)
        // M_ARENA_MAX and M_TOP_PAD of malloc.h, which Swift's Glibc module leaves out.
        _ = mallopt(-8, 1)
        _ = mallopt(-2, 1 << 20)
    }
}
