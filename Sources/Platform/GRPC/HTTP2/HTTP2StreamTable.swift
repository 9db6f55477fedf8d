/// The streams of a connection: by slot in memory of its own, by number through an open-addressed hash table.
struct HTTP2StreamTable: ~Copyable {
    /// The first `slotCount` are initialised.
    private var slots: UnsafeMutablePointer<HTTP2StreamState>
    private var capacity = Self.firstCapacity
    private(set) var slotCount: Int32 = 0
    private var free: [Int32] = []
    /// Slot + 1 by hash of the number; 0 is empty. A power of two in size, at most half full.
    private var index: [Int32] = []
    /// Streams that are not closed.
    private(set) var openCount = 0

    private static let firstCapacity = 4

    init() {
        slots = .allocate(capacity: Self.firstCapacity)
    }

    deinit {
        slots.deinitialize(count: Int(slotCount))
        slots.deallocate()
    }

    subscript(slot: Int32) -> HTTP2StreamState {
        @inline(__always) _read { yield slots[Int(slot)] }
        @inline(__always) _modify { yield &slots[Int(slot)] }
    }

    /// The slot of the open stream with this number.
    @inline(__always)
    func slot(of id: UInt32) -> Int32? {
        guard !index.isEmpty else { return nil }
        var position = home(id)
        while index[position] != 0 {
            let slot = index[position] - 1
            if slots[Int(slot)].id == id { return slot }
            position = (position + 1) & (index.count - 1)
        }
        return nil
    }

    /// The slot that `stream` means, if it is still open.
    @inline(__always)
    func slot(of stream: HTTP2Stream) -> Int32? {
        guard stream.slot >= 0, stream.slot < slotCount, slots[Int(stream.slot)].id == stream.id,
            !slots[Int(stream.slot)].flags.contains(.closed)
        else { return nil }
        return stream.slot
    }

    mutating func open(id: UInt32, sendWindow: Int, receiveWindow: Int) -> Int32 {
        var state = HTTP2StreamState(id: id, sendWindow: sendWindow, receiveWindow: receiveWindow)
        let slot: Int32
        if let last = free.popLast() {
            slot = last
            state.isListed = slots[Int(slot)].isListed
            state.next = slots[Int(slot)].next
            slots[Int(slot)] = state
        } else {
            if Int(slotCount) == capacity { growSlots() }
            slot = slotCount
            (slots + Int(slot)).initialize(to: state)
            slotCount += 1
        }
        openCount += 1
        if openCount * 2 > index.count { grow() }
        insert(id, slot)
        return slot
    }

    /// The stream is closed: it is not found by its number any more; its slot stays until `release`.
    mutating func close(_ slot: Int32) {
        remove(slots[Int(slot)].id)
        slots[Int(slot)].flags.insert(.closed)
        slots[Int(slot)].queue.removeAll()
        slots[Int(slot)].trailers = nil
        openCount -= 1
    }

    mutating func release(_ slot: Int32) {
        slots[Int(slot)].id = 0
        free.append(slot)
    }

    // The numbers of a connection's streams are odd and nearly consecutive, so their low bits spread them best.
    @inline(__always)
    private func home(_ id: UInt32) -> Int { Int(id >> 1) & (index.count - 1) }

    private mutating func insert(_ id: UInt32, _ slot: Int32) {
        var position = home(id)
        while index[position] != 0 { position = (position + 1) & (index.count - 1) }
        index[position] = slot + 1
    }

    /// Closes the gap, so that no search ends too early (Knuth, volume 3, algorithm 6.4R).
    private mutating func remove(_ id: UInt32) {
        let mask = index.count - 1
        var gap = home(id)
        while index[gap] != 0, slots[Int(index[gap] - 1)].id != id { gap = (gap + 1) & mask }
        guard index[gap] != 0 else { return }
        var position = (gap + 1) & mask
        while index[position] != 0 {
            let wanted = home(slots[Int(index[position] - 1)].id)
            if (position - wanted) & mask >= (position - gap) & mask {
                index[gap] = index[position]
                gap = position
            }
            position = (position + 1) & mask
        }
        index[gap] = 0
    }

    private mutating func growSlots() {
        capacity *= 2
        let larger = UnsafeMutablePointer<HTTP2StreamState>.allocate(capacity: capacity)
        larger.moveInitialize(from: slots, count: Int(slotCount))
        slots.deallocate()
        slots = larger
    }

    private mutating func grow() {
        let old = index
        index = [Int32](repeating: 0, count: max(16, old.count * 2))
        for entry in old where entry != 0 { insert(slots[Int(entry - 1)].id, entry - 1) }
    }
}

// Safe: the memory belongs to this value alone, which cannot be copied.
extension HTTP2StreamTable: @unchecked Sendable {}
