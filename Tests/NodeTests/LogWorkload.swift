import ApusPrimitives
import ApusRaft

@testable import ApusNode

/// The log as it ought to be, naively.
struct LogModel: Equatable {
    var hardState = HardState()
    var snapshot: SnapshotMetadata?
    /// All that the log has, also before the snapshot.
    var entries: [Entry] = []
    /// The entry before the first one.
    var base = LogIndex.zero
    var baseTerm = Term.zero

    var lastIndex: LogIndex { entries.last?.index ?? base }

    mutating func apply(_ write: Write) {
        if let state = write.hardState { hardState = state }
        if let chunk = write.chunk, chunk.isLast {
            snapshot = chunk.snapshot
            (base, baseTerm) = (chunk.snapshot.index, chunk.snapshot.term)
            entries = []
        }
        if let first = write.entries.first {
            entries.removeAll { $0.index >= first.index }
            entries += write.entries
        }
    }

    func term(at index: LogIndex) -> Term {
        entries.first { $0.index == index }?.term ?? baseTerm
    }

    /// Whether `found` is this log. What is committed may have been forgotten, but never made up.
    func isLike(_ found: PersistentState) -> Bool {
        found.hardState.term == hardState.term && found.hardState.votedFor == hardState.votedFor
            && found.hardState.commitIndex <= hardState.commitIndex && found.snapshot == snapshot
            && found.entries == entries.filter { $0.index > snapshot?.index ?? .zero }
    }
}

/// What a core may ask of its log, at random: appends, truncations of what is not committed, votes, commits, snapshots that
/// arrive.
struct LogWorkload {
    private var random: SeededRandom
    private var make = WriteMaker()
    private(set) var model: LogModel
    private var arriving: [SnapshotChunk] = []

    init(seed: UInt64, after model: LogModel = LogModel()) {
        random = SeededRandom(seed: seed)
        self.model = model
    }

    mutating func next() -> Write {
        let write = random.next() % 20 == 0 || !arriving.isEmpty ? arrivingPiece() : usualWrite()
        model.apply(write)
        return write
    }

    /// A snapshot of what is committed; nil: there is nothing new.
    mutating func ownSnapshot() -> SnapshotMetadata? {
        let index = model.hardState.commitIndex
        guard index > model.snapshot?.index ?? .zero, index <= model.lastIndex, arriving.isEmpty else { return nil }
        return SnapshotMetadata(index: index, term: model.term(at: index), configuration: .three)
    }

    mutating func took(_ snapshot: SnapshotMetadata) {
        model.snapshot = snapshot
    }

    private mutating func usualWrite() -> Write {
        var state = model.hardState
        var entries: [Entry] = []
        switch random.next() % 10 {
        case 0..<6:
            entries = newEntries(from: model.lastIndex.next, in: max(state.term, Term(1)))
            state.term = max(state.term, Term(1))
        case 6:
            // Another leader's entries take the place of what is not committed.
            state.term = state.term.next
            let first = max(state.commitIndex, model.base).rawValue + 1
            let last = max(first, model.lastIndex.rawValue + 1)
            entries = newEntries(from: LogIndex(UInt64.random(in: first...last, using: &random)), in: state.term)
        case 7:
            state.term = state.term.next
            state.votedFor = NodeID(UInt64.random(in: 1...3, using: &random))
        default:
            state.commitIndex = LogIndex(
                UInt64.random(in: state.commitIndex.rawValue...model.lastIndex.rawValue, using: &random))
        }
        let mustSync = !entries.isEmpty || state.term != model.hardState.term
        return make(entries, state: state == model.hardState ? nil : state, mustSync: mustSync)
    }

    private mutating func newEntries(from first: LogIndex, in term: Term) -> [Entry] {
        let bytes = Int.random(in: 0..<4, using: &random) == 0 ? 1_500 : 40
        return (0..<UInt64.random(in: 1...4, using: &random)).map {
            .test(term.rawValue, first.rawValue + $0, bytes: Int.random(in: 0...bytes, using: &random))
        }
    }

    private mutating func arrivingPiece() -> Write {
        if arriving.isEmpty {
            let index = model.lastIndex.rawValue + UInt64.random(in: 1...5, using: &random)
            let snapshot = SnapshotMetadata.test(max(model.hardState.term.rawValue, 1), index)
            let content = snapshot.testContent
            arriving = SnapshotChunk.pieces(of: snapshot, content, bytes: 1_000)
        }
        let chunk = arriving.removeFirst()
        guard chunk.isLast else { return make(chunk: chunk) }
        // A core knows that what a snapshot has is committed.
        var state = model.hardState
        state.commitIndex = chunk.snapshot.index
        return make(state: state, chunk: chunk)
    }
}
