import ApusPrimitives
import ApusRaft
import Testing

@Suite struct CodingTests {
    @Test func everyValueSurvivesTheRoundTrip() throws {
        var samples = CodingSamples(seed: 21)
        for _ in 0..<1_500 {
            try roundTrip(samples.entry())
            try roundTrip(samples.hardState())
            try roundTrip(samples.configuration())
            try roundTrip(samples.snapshot())
            try roundTrip(samples.chunk())
            try roundTrip(samples.message())
        }
    }

    @Test func valuesFollowEachOtherInOneBuffer() throws {
        var samples = CodingSamples(seed: 22)
        let entries = (0..<50).map { _ in samples.entry() }
        var writer = ByteWriter()
        for entry in entries { entry.encode(to: &writer) }
        var reader = ByteReader(writer.bytes)
        for entry in entries { #expect(try Entry(from: &reader) == entry) }
        #expect(reader.remaining == 0)
    }

    @Test func theFormOfVersionOneStaysAsItIs() {
        let entry = Entry(term: Term(2), index: LogIndex(300), payload: .command("ab"))
        #expect(entry.encoded() == [1, 0xAC, 2, 2, 1, 2, 0x61, 0x62])
        #expect(Entry(term: Term(1), index: LogIndex(1), payload: .empty).encoded() == [1, 1, 1, 0])
        #expect(HardState(term: Term(4), votedFor: nil, commitIndex: LogIndex(3)).encoded() == [1, 4, 0, 3])
        let members = Configuration(voters: [NodeID(3), NodeID(1)], learners: [NodeID(2)])
        #expect(members.encoded() == [1, 2, 1, 3, 0, 1, 2, 0, 0])
        let append = Message(
            from: NodeID(1), to: NodeID(2), term: Term(2),
            body: .append(
                previousIndex: LogIndex(299), previousTerm: Term(1), entries: [entry], commitIndex: LogIndex(9)))
        #expect(append.encoded() == [1, 1, 2, 2, 5, 0xAB, 2, 1, 9, 1, 0xAC, 2, 2, 1, 2, 0x61, 0x62])
    }

    @Test func aPrefixIsRefusedAndSoIsWhatFollows() {
        var samples = CodingSamples(seed: 23)
        for _ in 0..<300 {
            let bytes = samples.message().encoded()
            for count in 0..<min(bytes.count, 60) {
                #expect(throws: ByteReader.Malformed.self) { try Message(decoding: bytes[..<count]) }
            }
            #expect(throws: ByteReader.Malformed(offset: bytes.count, expected: "the end")) {
                try Message(decoding: bytes + [0])
            }
        }
    }

    @Test func damageIsRefusedOrDecodesToSomethingThatHasAForm() throws {
        var samples = CodingSamples(seed: 24)
        for _ in 0..<8_000 {
            var bytes = samples.message().encoded()
            samples.damage(&bytes)
            let decoded: Message
            do {
                decoded = try Message(decoding: bytes)
            } catch {
                #expect((0...bytes.count).contains(error.offset))
                continue
            }
            try roundTrip(decoded)
        }
    }

    @Test func nonsenseIsRefused() {
        var samples = CodingSamples(seed: 25)
        for _ in 0..<8_000 {
            let bytes = [1] + (0..<samples.number(0...60)).map { _ in UInt8(samples.number(0...255)) }
            _ = try? Message(decoding: bytes)
            _ = try? Entry(decoding: bytes)
            _ = try? SnapshotChunk(decoding: bytes)
        }
    }

    @Test func theErrorNamesTheByte() {
        #expect(throws: ByteReader.Malformed(offset: 0, expected: "version 1 of the format")) {
            try HardState(decoding: [2, 4, 0, 3])
        }
        #expect(throws: ByteReader.Malformed(offset: 3, expected: "the kind of an entry")) {
            try Entry(decoding: [1, 1, 1, 9])
        }
        #expect(throws: ByteReader.Malformed(offset: 1, expected: "an index other than 0")) {
            try Entry(decoding: [1, 0, 1, 0])
        }
        #expect(throws: ByteReader.Malformed(offset: 3, expected: "a node after 3")) {
            try Configuration(decoding: [1, 2, 3, 3, 0, 0, 0])
        }
        #expect(throws: ByteReader.Malformed(offset: 2, expected: "a node other than 0")) {
            try Configuration(decoding: [1, 1, 0, 0, 0, 0])
        }
    }

    @Test func numbersThatWouldOverflowAreRefused() {
        let largest: [UInt8] = [UInt8](repeating: 0xFF, count: 8) + [0x3F]
        let tooLarge: [UInt8] = [UInt8](repeating: 0x80, count: 8) + [0x40]
        #expect(throws: Never.self) { try HardState(decoding: [1] + largest + [0, 3]) }
        #expect(throws: ByteReader.Malformed(offset: 1, expected: "a term below 2^62")) {
            try HardState(decoding: [1] + tooLarge + [0, 3])
        }
        #expect(throws: ByteReader.Malformed(offset: 3, expected: "a log index below 2^62")) {
            try HardState(decoding: [1, 4, 0] + tooLarge)
        }
    }

    @Test func aNumberOfItemsThatCannotBeThereReservesNothing() {
        // Three million entries in eight bytes.
        #expect(throws: ByteReader.Malformed(offset: 8, expected: "3145600 items and their number")) {
            try Message(decoding: [1, 1, 2, 2, 5, 0, 0, 0, 0x80, 0xFF, 0xBF, 1, 1, 1, 0])
        }
    }

    @Test func entriesOfAnAppendFollowEachOther() {
        let bytes: [UInt8] = [1, 1, 2, 2, 5, 7, 1, 0, 2, 8, 1, 0, 10, 1, 0]
        #expect(throws: ByteReader.Malformed(offset: 12, expected: "the entry of index 9")) {
            try Message(decoding: bytes)
        }
    }

    private func roundTrip<Value: RaftCodable & Equatable>(
        _ value: Value, at location: SourceLocation = #_sourceLocation
    ) throws {
        #expect(try Value(decoding: value.encoded()) == value, sourceLocation: location)
    }
}
