import ApusPrimitives
import Testing

@testable import ApusRaft

/// The log against an array, and the writes under way against a list of what each of them proves.
@Suite struct RaftLogTests {
    /// All entries ever appended and not truncated; the log has those after `compacted`.
    private struct NaiveLog {
        var entries: [Entry] = []
        var compacted = 0

        var last: Int { entries.count }

        func term(_ index: Int) -> Term? {
            if index < compacted || index > last { return nil }
            return index == 0 ? .zero : entries[index - 1].term
        }

        func lastPlace(upTo index: Int, notAfter term: Term) -> Int {
            let index = min(index, last)
            if index <= compacted { return index }
            return (compacted + 1...index).last { entries[$0 - 1].term <= term } ?? compacted
        }

        func bytes(after start: Int, through end: Int) -> Int {
            let start = max(start, compacted)
            return start < end ? entries[start..<min(end, last)].reduce(0) { $0 + $1.size } : 0
        }

        func last(from first: Int, through limit: Int, upTo bytes: Int) -> Int {
            var end = first
            while end < min(limit, last), self.bytes(after: first - 1, through: end + 1) <= bytes { end += 1 }
            return end
        }

        func place(before bytes: Int) -> Int {
            (compacted...last).first { self.bytes(after: $0, through: last) <= bytes } ?? last
        }

        func configuration(at index: Int) -> Configuration {
            for entry in entries.prefix(index).reversed() {
                if case .configuration(let configuration, _) = entry.payload { return configuration }
            }
            return Configuration(voters: [])
        }
    }

    @Test(arguments: 0..<20 as Range<UInt64>) func itIsTheArray(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var log = RaftLog(after: nil)
        var naive = NaiveLog()
        for step in 0..<400 {
            change(&log, &naive, using: &random)
            guard isSame(log, naive, using: &random) else {
                Issue.record("seed \(seed), step \(step)")
                return
            }
        }
    }

    private func change(_ log: inout RaftLog, _ naive: inout NaiveLog, using random: inout SeededRandom) {
        func some(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
        switch some(0...9) {
        case 0:
            let index = some(naive.compacted...naive.last + 1)
            log.truncate(from: LogIndex(UInt64(index)))
            if index > naive.compacted, index <= naive.last { naive.entries.removeSubrange((index - 1)...) }
        case 1:
            let index = some(naive.compacted...naive.last)
            log.compact(through: LogIndex(UInt64(index)))
            naive.compacted = index
        default:
            var entries: [Entry] = []
            for _ in 0..<some(0...6) {
                let term = Term((entries.last?.term ?? log.lastTerm).rawValue + UInt64(some(0...9) / 8))
                let payload: Entry.Payload =
                    switch some(0...9) {
                    case 0: .empty
                    case 1: .configuration(Configuration(voters: [NodeID(UInt64(some(1...9)))]), context: .empty)
                    default: .command(Bytes([UInt8](repeating: 7, count: some(0...50))))
                    }
                entries.append(Entry(term: term, index: log.lastIndex + entries.count + 1, payload: payload))
            }
            log.append(entries)
            naive.entries += entries
        }
    }

    private func isSame(_ log: RaftLog, _ naive: NaiveLog, using random: inout SeededRandom) -> Bool {
        func place(_ index: Int) -> LogIndex { LogIndex(UInt64(index)) }
        let first = naive.compacted + 1
        var log = log
        var isSame =
            log.lastIndex == place(naive.last) && log.firstIndex == place(first)
            && log.lastTerm == naive.term(naive.last)
            && log.bytes == naive.bytes(after: 0, through: naive.last)
            && log.configuration == naive.configuration(at: naive.last)
        let index = Int.random(in: 0...naive.last + 2, using: &random)
        isSame = isSame && log.term(at: place(index)) == naive.term(index)
        if index >= naive.compacted {
            isSame = isSame && log.configuration(at: place(index)) == naive.configuration(at: index)
        }
        let term = Term(UInt64.random(in: 0...log.lastTerm.rawValue + 1, using: &random))
        let meeting = log.lastPlace(upTo: place(index), notAfter: term)
        isSame = isSame && meeting == place(naive.lastPlace(upTo: index, notAfter: term))
        let trailing = Int.random(in: 0...200, using: &random)
        isSame = isSame && log.place(before: trailing) == place(naive.place(before: trailing))
        guard first <= naive.last else { return isSame }
        let from = Int.random(in: first...naive.last, using: &random)
        let limit = Int.random(in: from...naive.last, using: &random)
        let bytes = Int.random(in: 0...1_000, using: &random)
        let end = naive.last(from: from, through: limit, upTo: bytes)
        return isSame && log.last(from: place(from), through: place(limit), upTo: bytes) == place(end)
            && log.slice(from: place(from), through: place(end)) == Array(naive.entries[from - 1..<end])
            && log.copy(from: place(from), through: place(end)) == Array(naive.entries[from - 1..<end])
            && log.bytes(after: place(from - 1), through: place(end)) == naive.bytes(after: from - 1, through: end)
    }

    /// What the disk really has, write by write, against what the queue says that it has.
    @Test(arguments: 0..<20 as Range<UInt64>) func durableIsWhatIsOnTheDisk(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var queue = WriteQueue(durableIndex: .zero)
        var log: [UInt64] = []
        var disk: [UInt64] = []
        var under: [(sequence: UInt64, first: Int, values: [UInt64])] = []
        for step in 0..<500 {
            switch Int.random(in: 0...3, using: &random) {
            case 0:
                log += (0..<Int.random(in: 1...4, using: &random)).map { _ in random.next() }
            case 1 where !log.isEmpty:
                let index = Int.random(in: 1...log.count, using: &random)
                log.removeSubrange((index - 1)...)
                queue.truncated(from: LogIndex(UInt64(index)))
            case 2:
                let issued = Int(queue.issuedIndex.rawValue)
                guard issued < log.count else { continue }
                let sequence = queue.issue(through: LogIndex(UInt64(log.count)), chunk: nil, tick: 0)
                under.append((sequence, issued + 1, Array(log[issued...])))
            default:
                guard !under.isEmpty else { continue }
                for _ in 0..<Int.random(in: 1...under.count, using: &random) {
                    let write = under.removeFirst()
                    disk = disk.prefix(write.first - 1) + write.values
                    _ = queue.persisted(through: write.sequence)
                }
            }
            let durable = Int(queue.durableIndex.rawValue)
            let isTrue = durable <= min(log.count, disk.count) && log.prefix(durable) == disk.prefix(durable)
            // When nothing is under way nor to be written, all of it is there.
            let isWhole = !under.isEmpty || Int(queue.issuedIndex.rawValue) < log.count || durable == log.count
            guard isTrue, isWhole else {
                Issue.record("seed \(seed), step \(step)")
                return
            }
        }
    }
}
