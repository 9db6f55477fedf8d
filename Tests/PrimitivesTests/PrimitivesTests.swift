import ApusPrimitives
import Testing

@Suite struct BytesTests {
    @Test func bytesAreOrderedAsMemcmpOrders() {
        let ordered: [Bytes] = [
            "", Bytes([0]), Bytes([0, 0]), Bytes([0, 1]), "a", "aa", "ab", "b", Bytes([0x80]), Bytes([0xFF]),
        ]
        for (left, right) in zip(ordered, ordered.dropFirst()) {
            #expect(left < right && !(right < left) && left != right)
        }
        #expect(!(ordered[3] < ordered[3]))
    }

    @Test func theOrderAgreesWithAByteByByteComparison() {
        var random = SeededRandom(seed: 1)
        func key() -> Bytes {
            Bytes(
                (0..<Int.random(in: 0...20, using: &random)).map { _ in UInt8.random(in: 0xFE...0xFF, using: &random) })
        }
        for _ in 0..<2_000 {
            let (left, right) = (key(), key())
            #expect((left < right) == left.array.lexicographicallyPrecedes(right.array))
        }
    }

    @Test func aPrefixEndIsTheNextKeyWithoutThePrefix() {
        #expect(Bytes("ab").prefixEnd == "ac")
        #expect(Bytes([1, 0xFF]).prefixEnd == Bytes([2]))
        #expect(Bytes([0xFF, 0xFF]).prefixEnd == nil)
        #expect(Bytes.empty.prefixEnd == nil)
    }

    @Test func prefixesAndTextAndSums() {
        #expect(Bytes("abc").hasPrefix("ab") && Bytes("abc").hasPrefix("") && !Bytes("ab").hasPrefix("abc"))
        #expect(Bytes("a") + "b" == "ab")
        #expect(Bytes([0x61, 0xFF]).text == "a\u{FFFD}")
    }
}

@Suite struct ByteCodingTests {
    @Test func everyKindOfValueSurvivesTheRoundTrip() throws {
        let unsigned: [UInt64] = [0, 1, 127, 128, 16_383, 16_384, 1 << 63, .max]
        let signed: [Int64] = [0, -1, 1, 63, -64, 64, .min, .max]
        var writer = ByteWriter()
        for value in unsigned { writer.writeVariable(value) }
        for value in signed { writer.writeVariable(value) }
        writer.write(UInt16(0xBEEF))
        writer.write(Int32.min)
        writer.write(Bytes([1, 2, 3]))
        writer.write("größer")
        writer.write(raw: [9, 9])
        var reader = ByteReader(writer.bytes)
        for value in unsigned { #expect(try reader.readVariable(UInt64.self) == value) }
        for value in signed { #expect(try reader.readVariable(Int64.self) == value) }
        #expect(try reader.read(UInt16.self) == 0xBEEF)
        #expect(try reader.read(Int32.self) == .min)
        #expect(try reader.readBytes() == Bytes([1, 2, 3]))
        #expect(try reader.readString() == "größer")
        #expect(try Array(reader.read(raw: 2)) == [9, 9])
        #expect(reader.remaining == 0 && reader.offset == writer.bytes.count)
    }

    @Test func smallNumbersAreShort() {
        var writer = ByteWriter()
        writer.writeVariable(Int64(-64))
        writer.write(UInt32(1))
        #expect(writer.bytes == [0x7F, 1, 0, 0, 0])
    }

    @Test(
        arguments: [
            [], [0x80], [UInt8](repeating: 0x80, count: 10), [UInt8](repeating: 0xFF, count: 9) + [2],
            [UInt8](repeating: 0xFF, count: 11),
        ] as [[UInt8]])
    func aVariableNumberThatEndsEarlyOrIsTooLongIsRefused(bytes: [UInt8]) {
        var reader = ByteReader(bytes)
        #expect(throws: ByteReader.Malformed.self) { try reader.readVariable(UInt64.self) }
        #expect(reader.offset == 0, "nothing was consumed")
    }

    @Test func aLengthBeyondTheEndIsRefused() {
        var reader = ByteReader([5, 1, 2])
        #expect(throws: ByteReader.Malformed.self) { try reader.readBytes() }
        var huge = ByteReader([UInt8](repeating: 0xFF, count: 9) + [1])
        #expect(throws: ByteReader.Malformed.self) { try huge.readBytes() }
        #expect(throws: ByteReader.Malformed.self) { try reader.read(raw: -1) }
        #expect(throws: ByteReader.Malformed.self) { try reader.read(UInt32.self) }
    }

    @Test func randomBytesNeverTrap() {
        var random = SeededRandom(seed: 2)
        for _ in 0..<2_000 {
            let bytes = (0..<Int.random(in: 0...24, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            var reader = ByteReader(bytes[...])
            for _ in 0..<6 {
                switch Int.random(in: 0...4, using: &random) {
                case 0: _ = try? reader.read(UInt64.self)
                case 1: _ = try? reader.readVariable(UInt64.self)
                case 2: _ = try? reader.readVariable(Int64.self)
                case 3: _ = try? reader.readBytes()
                default: _ = try? reader.readString()
                }
                #expect(reader.offset + reader.remaining == bytes.count)
            }
        }
    }
}

@Suite struct CRC32CTests {
    @Test func theCheckValueOfTheStandard() {
        #expect(CRC32C.checksum(Bytes("123456789").array) == 0xE306_9283)
        #expect(CRC32C.checksum([]) == 0)
        #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA, "RFC 3720, B.4")
        #expect(CRC32C.checksum([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43, "RFC 3720, B.4")
    }

    @Test func piecesGiveTheSameAsTheWhole() {
        let bytes = (0..<100).map { UInt8($0 * 7 & 0xFF) }
        for split in 0...bytes.count {
            var crc = CRC32C()
            crc.update(bytes[..<split])
            crc.update(AnySequence(bytes[split...]))
            #expect(crc.value == CRC32C.checksum(bytes))
        }
    }
}

@Suite struct ULIDTests {
    @Test func theTextReadsBackInEitherCase() {
        var random = SeededRandom(seed: 3)
        for milliseconds in [0, 1, 1_700_000_000_000, (1 << 48) - 1] as [UInt64] {
            let id = ULID(unixMilliseconds: milliseconds, using: &random)
            #expect(id.description.count == 26)
            #expect(ULID(id.description) == id && ULID(id.description.lowercased()) == id)
        }
    }

    @Test func laterOnesSortAfterEarlierOnesAlsoAsText() {
        var random = SeededRandom(seed: 4)
        let ids = (0..<200).map { ULID(unixMilliseconds: 1_700_000_000_000 + $0, using: &random) }
        #expect(ids == ids.sorted())
        #expect(ids.map(\.description) == ids.map(\.description).sorted())
    }

    @Test func whatIsNoULIDIsRefused() {
        #expect(ULID("") == nil)
        #expect(ULID("01ARZ3NDEKTSV4RRFFQ69G5FA") == nil, "too short")
        #expect(ULID("81ARZ3NDEKTSV4RRFFQ69G5FAV") == nil, "over 128 bits")
        #expect(ULID("01ARZ3NDEKTSV4RRFFQ69G5FAU") == nil, "U is no digit")
        #expect(ULID("01ARZ3NDEKTSV4RRFFQ69G5FAV")?.description == "01ARZ3NDEKTSV4RRFFQ69G5FAV")
    }
}

@Suite struct TimeTests {
    @Test func sumsStopAtTheEndsOfTime() {
        #expect(MonotonicTime.distantFuture + .seconds(1) == .distantFuture)
        #expect(MonotonicTime(nanoseconds: .min) - .seconds(1) == MonotonicTime(nanoseconds: .min))
        #expect(MonotonicTime.zero + .seconds(Int64.max) == .distantFuture)
        #expect(MonotonicTime.zero + .milliseconds(1_500) == MonotonicTime(nanoseconds: 1_500_000_000))
    }

    @Test func differencesStopToo() {
        let far = MonotonicTime.distantFuture - MonotonicTime(nanoseconds: -5)
        #expect(far == .nanoseconds(Int64.max))
        #expect(MonotonicTime(nanoseconds: 7) - MonotonicTime(nanoseconds: 9) == .nanoseconds(-2))
    }

    @Test func durationsInOtherUnits() {
        #expect(Duration.milliseconds(1_500).nanoseconds == 1_500_000_000)
        #expect(Duration.seconds(Int64.max).nanoseconds == .max)
        #expect(Duration.seconds(-Int64.max).nanoseconds == .min)
        #expect(Duration.milliseconds(250).seconds == 0.25)
    }
}

@Suite struct SeededRandomTests {
    @Test func theSameSeedRepeatsItselfEverywhere() {
        var random = SeededRandom(seed: 0)
        #expect(random.next() == 0xE220_A839_7B1D_CDAF, "SplitMix64's first output for seed 0")
        #expect(random.next() == 0x6E78_9E6A_A1B9_65F4)
        var (left, right) = (SeededRandom(seed: 9), SeededRandom(seed: 9))
        #expect((0..<100).allSatisfy { _ in left.next() == right.next() })
    }

    @Test func aSplitDoesNotDisturbTheSequence() {
        var (left, right) = (SeededRandom(seed: 9), SeededRandom(seed: 9))
        var part = left.split()
        _ = right.split()
        _ = part.next()
        #expect(left.next() == right.next())
    }
}

@Suite struct LockedTests {
    @Test func nothingIsLostUnderContention() async {
        let counter = Locked(0)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<5_000 { counter.withLock { $0 += 1 } }
                }
            }
        }
        #expect(counter.withLock { $0 } == 40_000)
    }

    @Test func anErrorLeavesTheLockFree() {
        struct Failure: Error {}
        let state = Locked(1)
        #expect(throws: Failure.self) { try state.withLock { (_: inout Int) throws(Failure) in throw Failure() } }
        #expect(state.withLock { $0 } == 1)
    }
}
