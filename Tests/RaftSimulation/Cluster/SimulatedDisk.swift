import ApusPrimitives
import ApusRaft

/// A disk that writes behind: what was submitted is on it later, and a crash before that takes it away, or a part of it.
struct SimulatedDisk {
    private(set) var image: DiskImage
    /// Acknowledged without a sync, which `Write.mustSync` allowed; then submitted; in order.
    private var unsynced: [Write] = []
    private(set) var pending: [Write] = []
    /// How many of the pending ones the write that is under way takes along.
    private(set) var underWay = 0
    /// Snapshot files by index, the one of `image` among them.
    var files: [LogIndex: Snapshot] = [:]

    init(image: DiskImage) {
        self.image = image
        if let snapshot = image.snapshot { files[snapshot.metadata.index] = snapshot }
    }

    mutating func submit(_ write: Write) {
        pending.append(write)
    }

    /// All that wait go in one write (group commit).
    mutating func start() -> Bool {
        guard underWay == 0, !pending.isEmpty else { return false }
        underWay = pending.count
        return true
    }

    /// The write is done: what to acknowledge.
    mutating func finish() throws(Broken) -> UInt64? {
        let done = pending.prefix(underWay)
        pending.removeFirst(underWay)
        underWay = 0
        unsynced += done
        if done.contains(where: \.mustSync) {
            for write in unsynced { try apply(write) }
            unsynced = []
        }
        return done.last?.sequence
    }

    /// The node is down. Some of what was not synced made it, in order, and of the next write perhaps the beginning.
    mutating func crash(_ random: inout SeededRandom, tears: Bool) throws(Broken) {
        let waiting = unsynced + pending
        unsynced = []
        pending = []
        underWay = 0
        let whole = random.below(waiting.count + 1)
        for write in waiting.prefix(whole) { try apply(write) }
        if tears, whole < waiting.count {
            let write = waiting[whole]
            try image.tear(write, keeping: random.below(write.entries.count + 1))
        }
        files = [:]
        if let snapshot = image.snapshot { files[snapshot.metadata.index] = snapshot }
    }

    mutating func keep(_ snapshot: Snapshot) {
        image.keep(snapshot)
        files[snapshot.metadata.index] = snapshot
    }

    private mutating func apply(_ write: Write) throws(Broken) {
        try image.apply(write)
        if let chunk = write.chunk, chunk.isLast, let snapshot = image.snapshot {
            files[chunk.snapshot.index] = snapshot
        }
    }
}
