import ApusPrimitives
import ApusRaft

/// A node with a disk and a state machine in memory, driven by hand.
struct TestNode {
    let id: NodeID
    private(set) var raft: Raft
    private(set) var disk: PersistentState
    private(set) var snapshotFile: [UInt8] = []
    private var partialFile: [UInt8] = []
    /// Another seed at every start, as the core asks for.
    private var starts: UInt64 = 0
    /// Handed out and not on disk.
    private(set) var pendingWrites: [Write] = []
    /// Everything that the state machine was given, restores excepted.
    private(set) var committed: [Entry] = []
    private(set) var restored: SnapshotMetadata?
    private(set) var reads: [Ready.Read] = []
    private(set) var refusedReads: [ReadID] = []
    private(set) var outbox: [Message] = []
    var options: RaftOptions
    /// Everything that the core asked for, for who tells the story.
    private(set) var readies: [Ready] = []
    /// Writes reach the disk by `persist()` only.
    var isDiskSlow = false
    var isStateMachineSlow = false
    var isTold = false

    init(_ id: NodeID, _ state: PersistentState, options: RaftOptions = RaftOptions(), seed: UInt64 = 1) {
        self.id = id
        self.options = options
        disk = state
        raft = Raft(
            id: id, state: state, applied: state.snapshot?.index ?? .zero, options: options,
            random: SeededRandom(seed: seed &+ id.rawValue))
    }

    /// An input, and then everything that the core asks for.
    mutating func run(_ input: (inout Raft) throws -> Void = { _ in }) rethrows {
        defer { drain() }
        try input(&raft)
    }

    /// The oldest `count` writes that wait reach the disk; nil: all.
    mutating func persist(_ count: Int? = nil) {
        let written = pendingWrites.prefix(count ?? pendingWrites.count)
        for write in written { store(write) }
        let last = written.last?.sequence
        pendingWrites.removeFirst(written.count)
        if let last { raft.persisted(through: last) }
        drain()
    }

    /// As after a crash: what was not written is lost, and what was sent and not delivered may arrive.
    mutating func restart(applied: LogIndex? = nil) {
        pendingWrites = []
        committed = []
        restored = nil
        outbox = []
        starts += 1
        raft = Raft(
            id: id, state: disk, applied: applied ?? disk.snapshot?.index ?? .zero, options: options,
            random: SeededRandom(seed: id.rawValue &+ 1_000 &* starts))
        drain()
    }

    @discardableResult
    mutating func takeOutbox() -> [Message] {
        defer { outbox = [] }
        return outbox
    }

    mutating func takeReadies() -> [Ready] {
        defer { readies = [] }
        return readies
    }

    mutating func apply() {
        raft.applied(through: committed.last?.index ?? restored?.index ?? .zero)
        drain()
    }

    /// The application takes a snapshot of all that it applied.
    mutating func takeSnapshot(_ bytes: [UInt8]) {
        guard let metadata = raft.snapshotMetadata(at: raft.appliedIndex),
            metadata.index > disk.snapshot?.index ?? .zero
        else { return }
        disk.snapshot = metadata
        disk.entries.removeAll { $0.index <= metadata.index }
        snapshotFile = bytes
        run { $0.snapshotTaken(metadata) }
    }

    private mutating func drain() {
        while let ready = raft.nextReady() {
            if isTold { readies.append(ready) }
            outbox += ready.messages
            reads += ready.reads
            refusedReads += ready.refusedReads
            if let restore = ready.restore {
                restored = restore
                committed = []
                raft.applied(through: restore.index)
            }
            committed += ready.committed
            if let last = ready.committed.last, !isStateMachineSlow { raft.applied(through: last.index) }
            for request in ready.chunkRequests { read(request) }
            if let write = ready.write {
                pendingWrites.append(write)
                if !isDiskSlow { flush() }
            }
        }
    }

    private mutating func flush() {
        for write in pendingWrites { store(write) }
        if let last = pendingWrites.last { raft.persisted(through: last.sequence) }
        pendingWrites = []
    }

    private mutating func store(_ write: Write) {
        if let hardState = write.hardState { disk.hardState = hardState }
        if let chunk = write.chunk { store(chunk) }
        if let first = write.entries.first {
            disk.entries.removeAll { $0.index >= first.index }
            disk.entries += write.entries
        }
    }

    private mutating func store(_ chunk: SnapshotChunk) {
        if disk.partialSnapshot?.metadata != chunk.snapshot || disk.partialSnapshot?.source != chunk.source {
            partialFile = []
        }
        partialFile = partialFile.prefix(Int(chunk.offset)) + chunk.bytes.array
        disk.partialSnapshot = PartialSnapshot(
            metadata: chunk.snapshot, source: chunk.source, bytes: UInt64(partialFile.count))
        guard chunk.isLast else { return }
        disk.snapshot = chunk.snapshot
        disk.entries = []
        disk.partialSnapshot = nil
        snapshotFile = partialFile
        partialFile = []
    }

    private mutating func read(_ request: Ready.ChunkRequest) {
        guard request.snapshot == disk.snapshot, request.offset <= UInt64(snapshotFile.count) else {
            return raft.chunkUnavailable(request)
        }
        let bytes = snapshotFile.dropFirst(Int(request.offset)).prefix(request.maximumBytes)
        let isLast = Int(request.offset) + bytes.count == snapshotFile.count
        raft.chunkRead(request, bytes: Bytes(bytes), isLast: isLast)
    }
}
