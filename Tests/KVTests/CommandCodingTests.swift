import ApusKV
import ApusPrimitives
import Testing

@Suite struct CommandCodingTests {
    @Test func everyCommandSurvivesTheRoundTrip() throws {
        var trace = RandomTrace(seed: 11)
        trace.revision = .max - 1
        for _ in 0..<3_000 {
            let command = trace.command()
            #expect(try Command(decoding: command.encoded()) == command)
        }
    }

    @Test func commandsFollowEachOtherInOneBuffer() throws {
        let commands: [Command] = [.compact(Revision(7)), .revoke(LeaseID(-1)), .grant(LeaseID(3), ttlSeconds: 9)]
        var writer = ByteWriter()
        for command in commands { command.encode(to: &writer) }
        var reader = ByteReader(writer.bytes)
        for command in commands { #expect(try Command(from: &reader) == command) }
        #expect(reader.remaining == 0)
    }

    @Test func theEncodingOfVersionOneStaysAsItIs() {
        let put = Command.put(PutRequest(key: "k", value: "v", lease: LeaseID(1), previous: true))
        #expect(put.encoded() == [1, 1, 1, 0x6B, 1, 0x76, 2, 1])
        #expect(Command.delete(DeleteRangeRequest(.from("a"))).encoded() == [1, 2, 1, 0x61, 2, 0])
        #expect(Command.compact(Revision(300)).encoded() == [1, 4, 0xD8, 4])
    }

    @Test func anUnknownVersionOrKindIsRefused() {
        #expect(code { _ = try Command(decoding: [2, 4, 2]) } == .malformed)
        #expect(code { _ = try Command(decoding: [1, 9, 2]) } == .malformed)
        #expect(code { _ = try Command(decoding: [1, 4, 2, 0]) } == .malformed, "bytes follow")
        #expect(code { _ = try Command(decoding: []) } == .malformed)
    }

    @Test func transactionsNestedTooDeepAreRefused() {
        var request = TxnRequest(success: [put("k")])
        for _ in 0..<100 { request = TxnRequest(success: [.txn(request)]) }
        #expect(code { _ = try Command(decoding: Command.txn(request).encoded()) } == nil)
        for _ in 0..<100 { request = TxnRequest(success: [.txn(request)]) }
        #expect(code { _ = try Command(decoding: Command.txn(request).encoded()) } == .malformed)
    }

    @Test func damagedCommandsAreRefusedOrDecodeToSomething() {
        var trace = RandomTrace(seed: 12)
        for _ in 0..<6_000 {
            var bytes = trace.command().encoded()
            trace.damage(&bytes)
            let failure = error { _ = try Command(decoding: bytes) }
            #expect(failure == nil || failure?.code == .malformed)
        }
    }
}

extension RandomTrace {
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
