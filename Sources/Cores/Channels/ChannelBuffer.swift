/// The elements that a channel holds: a ring of fixed capacity, first in, first out.
///
/// It is allocated once, with the channel, so that sending and receiving never allocate.
@usableFromInline
struct ChannelBuffer<Element: ~Copyable>: ~Copyable {
    @usableFromInline let capacity: Int
    @usableFromInline var count = 0
    @usableFromInline var first = 0
    @usableFromInline let slots: UnsafeMutablePointer<ChannelParcel<Element>>

    @inlinable
    init(capacity: Int) {
        self.capacity = capacity
        slots = .allocate(capacity: max(capacity, 1))
    }

    @inlinable
    deinit {
        for offset in 0..<count { (slots + position(offset)).deinitialize(count: 1) }
        slots.deallocate()
    }

    @inlinable
    var isFull: Bool { count == capacity }

    @inlinable
    func position(_ offset: Int) -> Int {
        let position = first &+ offset
        return position >= capacity ? position &- capacity : position
    }

    @inlinable
    mutating func append(_ parcel: consuming ChannelParcel<Element>) {
        (slots + position(count)).initialize(to: parcel)
        count &+= 1
    }

    @inlinable
    mutating func takeFirst() -> ChannelParcel<Element> {
        let parcel = (slots + first).move()
        first = position(1)
        count &-= 1
        return parcel
    }
}
