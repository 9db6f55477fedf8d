/// Memory that one decoder uses again and again for the string that it is decoding.
struct HPACKScratch: ~Copyable {
    /// What is kept between strings; longer ones are rare and get their own.
    static let keptBytes = 4_096

    private var base: UnsafeMutableRawPointer?
    private var capacity = 0

    /// Room for `count` bytes, valid until the next call.
    @inline(__always)
    mutating func room(_ count: Int) -> UnsafeMutableRawPointer {
        if let base, count <= capacity { return base }
        return grow(count)
    }

    private mutating func grow(_ count: Int) -> UnsafeMutableRawPointer {
        base?.deallocate()
        capacity = max(256, count)
        let fresh = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 8)
        base = fresh
        return fresh
    }

    /// Gives a large piece back.
    mutating func trim() {
        guard capacity > Self.keptBytes else { return }
        base?.deallocate()
        base = nil
        capacity = 0
    }

    deinit { base?.deallocate() }
}

// Safe: the memory belongs to this value alone, which cannot be copied.
extension HPACKScratch: @unchecked Sendable {}
