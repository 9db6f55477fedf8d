import ApusPrimitives
import ApusRaft

/// Random values of everything that has a binary form, large and small, from a seed.
struct CodingSamples {
    var random: SeededRandom

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
    }

    mutating func number(_ range: ClosedRange<Int>) -> Int {
        Int.random(in: range, using: &random)
    }

    /// Of any magnitude below 2^`bits`.
    mutating func wide(_ bits: Int = 62) -> UInt64 {
        random.next() >> UInt64(number(64 - bits...63))
    }

    mutating func bytes() -> Bytes {
        let count = number(0...3) == 0 ? number(0...400) : number(0...20)
        return Bytes((0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) })
    }

    mutating func index() -> LogIndex { LogIndex(wide()) }

    mutating func term() -> Term { Term(wide()) }

    mutating func node() -> NodeID { NodeID(max(1, wide(64))) }

    mutating func nodes() -> [NodeID] {
        (0..<number(0...5)).map { _ in node() }
    }

    mutating func configuration() -> Configuration {
        Configuration(
            voters: nodes(), outgoingVoters: nodes(), learners: nodes(), nextLearners: nodes(),
            leaving: flag() ? .explicit : .automatic)
    }

    mutating func entry(at index: LogIndex? = nil) -> Entry {
        let payload: Entry.Payload =
            switch number(0...5) {
            case 0: .empty
            case 1: .configuration(configuration(), context: bytes())
            default: .command(bytes())
            }
        return Entry(term: term(), index: index ?? LogIndex(max(1, wide())), payload: payload)
    }

    mutating func hardState() -> HardState {
        HardState(term: term(), votedFor: number(0...1) == 0 ? nil : node(), commitIndex: index())
    }

    mutating func snapshot() -> SnapshotMetadata {
        SnapshotMetadata(index: index(), term: term(), configuration: configuration())
    }

    mutating func chunk() -> SnapshotChunk {
        SnapshotChunk(
            snapshot: snapshot(), source: node(), offset: wide(), bytes: bytes(), isLast: number(0...1) == 0)
    }

    mutating func flag() -> Bool { number(0...1) == 0 }

    mutating func message() -> Message {
        Message(from: node(), to: node(), term: term(), body: body())
    }

    mutating func body() -> Message.Body {
        switch number(0...15) {
        case 0: return .voteRequest(lastIndex: index(), lastTerm: term(), isTransfer: flag())
        case 1: return .vote(granted: flag())
        case 2: return .preVoteRequest(lastIndex: index(), lastTerm: term())
        case 3: return .preVote(granted: flag())
        case 4, 5:
            let previous = LogIndex(wide(50))
            let entries = (0..<number(0...5)).map { entry(at: previous + $0 + 1) }
            return .append(previousIndex: previous, previousTerm: term(), entries: entries, commitIndex: index())
        case 6: return .appendAccepted(lastIndex: index())
        case 7: return .appendRejected(rejectedIndex: index(), hintIndex: index(), hintTerm: term())
        case 8: return .heartbeat(commitIndex: index(), round: wide(64))
        case 9: return .heartbeatAnswer(round: wide(64))
        case 10: return .snapshot(chunk())
        case 11: return .snapshotProgress(index: index(), nextOffset: wide())
        case 12: return .timeoutNow
        case 13: return .proposal((0..<number(0...4)).map { _ in bytes() })
        case 14: return .readRequest(id: ReadID(wide(64)))
        default: return .readAnswer(id: ReadID(wide(64)), index: flag() ? index() : nil)
        }
    }

    /// Flips, cuts off, inserts or repeats some bytes.
    mutating func damage(_ bytes: inout [UInt8]) {
        for _ in 0..<number(1...3) where !bytes.isEmpty {
            let index = number(0...bytes.count - 1)
            switch number(0...4) {
            case 0: bytes[index] ^= 1 << UInt8(number(0...7))
            case 1: bytes[index] = [0, 0x7F, 0x80, 0xFF].randomElement(using: &random)!
            case 2: bytes.removeSubrange(index...)
            case 3: bytes.insert(UInt8(number(0...255)), at: index)
            default: bytes.insert(contentsOf: bytes[index...], at: number(0...index))
            }
        }
    }
}
