import ApusPrimitives
import ApusRaft
import Testing

@testable import ApusNode

@Suite struct SessionsTests {
    private func header(_ sequence: UInt64, first: UInt64 = 1, session: UInt64 = 7) -> Envelope.Header {
        Envelope.Header(session: session, sequence: sequence, firstWaiting: first)
    }

    @Test func `a number counts once, in whatever order it comes`() {
        var sessions = Sessions()
        sessions.open(7, knowing: .zero, at: LogIndex(1))
        for sequence in [1, 3, 2, 6, 5] as [UInt64] {
            #expect(sessions.admit(header(sequence), at: LogIndex(2)) == .fresh)
        }
        for sequence in [1, 2, 3, 5, 6] as [UInt64] {
            #expect(sessions.admit(header(sequence), at: LogIndex(3)) == .duplicate)
        }
        #expect(sessions.admit(header(4), at: LogIndex(4)) == .fresh)
        #expect(sessions.table[7]?.through == 6)
        #expect(sessions.table[7]?.beyond == [])
    }

    @Test func `what its proposer gave up never counts`() {
        var sessions = Sessions()
        sessions.open(7, knowing: .zero, at: LogIndex(1))
        #expect(sessions.admit(header(5, first: 4), at: LogIndex(2)) == .fresh)
        #expect(sessions.admit(header(3), at: LogIndex(3)) == .duplicate)
        #expect(sessions.admit(header(4, first: 4), at: LogIndex(3)) == .fresh)
        #expect(sessions.admit(header(3), at: LogIndex(3)) == .duplicate)
    }

    @Test func `a random history agrees with a set of numbers`() {
        for seed in 0..<50 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            var sessions = Sessions()
            sessions.open(7, knowing: .zero, at: LogIndex(1))
            var done: Set<UInt64> = []
            var floor: UInt64 = 1
            for step in 0..<400 {
                let sequence = floor + UInt64.random(in: 0..<20, using: &random)
                let first = UInt64.random(in: 1...sequence, using: &random)
                let expected = sequence >= floor && !done.contains(sequence) && sequence >= first
                floor = max(floor, first)
                let verdict = sessions.admit(header(sequence, first: first), at: LogIndex(UInt64(step + 2)))
                #expect((verdict == .fresh) == expected, "seed \(seed), step \(step)")
                done.insert(sequence)
            }
        }
    }

    @Test func `the session used longest ago is forgotten, and does not come back`() {
        var sessions = Sessions()
        let limit = UInt64(Sessions.limit)
        for id in 1...limit { sessions.open(id, knowing: .zero, at: LogIndex(id)) }
        #expect(sessions.admit(header(1, session: 1), at: LogIndex(limit + 1)) == .fresh)
        sessions.open(limit + 1, knowing: LogIndex(limit), at: LogIndex(limit + 2))
        #expect(sessions.count == Int(limit))
        #expect(sessions.contains(1))
        #expect(!sessions.contains(2))
        #expect(sessions.admit(header(1, session: 2), at: LogIndex(limit + 3)) == .unknownSession)
        // A late copy of its own opening.
        sessions.open(2, knowing: LogIndex(1), at: LogIndex(limit + 4))
        #expect(!sessions.contains(2))
        sessions.open(limit + 9, knowing: LogIndex(limit), at: LogIndex(limit + 5))
        #expect(sessions.contains(limit + 9))
    }

    @Test func `sessions survive a snapshot`() throws {
        var sessions = Sessions()
        for id in 1...(UInt64(Sessions.limit) + 5) { sessions.open(id, knowing: LogIndex(id), at: LogIndex(id)) }
        for sequence in [1, 2, 5, 9] as [UInt64] {
            #expect(sessions.admit(header(sequence, session: 100), at: LogIndex(5_000)) == .fresh)
        }
        var pieces: [[UInt8]] = []
        var output = SnapshotOutput { pieces.append($0) }
        try sessions.write(to: &output)
        try output.finish()
        var input = SnapshotInput { pieces.isEmpty ? nil : pieces.removeFirst() }
        #expect(try Sessions(from: &input) == sessions)
        #expect(try input.isAtEnd())
    }

    @Test func `an envelope opens as it was sealed, and nonsense opens as nothing`() {
        var bytes = Envelope.make(Array("command".utf8))
        Envelope.seal(&bytes, header(9, first: 4, session: .max))
        guard case .command(let opened, let command) = Envelope.open(Bytes(bytes)) else {
            Issue.record("not a command")
            return
        }
        #expect(opened == header(9, first: 4, session: .max))
        #expect(Array(command) == Array("command".utf8))
        guard case .openSession(5, knowing: 6) = Envelope.open(Envelope.openSession(5, knowing: 6)) else {
            Issue.record("not a session")
            return
        }
        for bytes in [[], [1], [2, 0], [9, 9, 9], [UInt8](repeating: 1, count: 20)] as [[UInt8]] {
            guard case .unknown = Envelope.open(Bytes(bytes)) else {
                Issue.record("\(bytes)")
                return
            }
        }
    }
}
