import ApusKV
import ApusPrimitives
import Testing

@Suite struct KeyRangeTests {
    @Test func theWireFormOfEtcdGoesBothWays() {
        #expect(KeyRange(key: "a") == .key("a"))
        #expect(KeyRange(key: "a", rangeEnd: "b") == .range("a", "b"))
        #expect(KeyRange(key: "a", rangeEnd: Bytes([0])) == .from("a"))
        #expect(KeyRange(key: Bytes([0]), rangeEnd: Bytes([0])) == .all)
        for range in [KeyRange.key("a"), .range("a", "b"), .from("a"), .all, .prefix("a")] {
            #expect(KeyRange(key: range.start, rangeEnd: range.rangeEnd) == range)
        }
    }

    @Test func aPrefixEndsBeforeTheNextPrefix() {
        #expect(KeyRange.prefix("ab") == .range("ab", "ac"))
        #expect(KeyRange.prefix(Bytes([0x61, 0xFF])) == .range(Bytes([0x61, 0xFF]), "b"))
        #expect(KeyRange.prefix(Bytes([0xFF, 0xFF])) == .from(Bytes([0xFF, 0xFF])))
        #expect(KeyRange.prefix("") == .all)
    }

    @Test func aRangeContainsItsStartAndNotItsEnd() {
        let range = KeyRange.range("b", "d")
        #expect(["a", "b", "c", "d"].map { range.contains($0) } == [false, true, true, false])
        #expect(KeyRange.from("b").contains("zzz"))
        #expect(!KeyRange.key("b").contains("ba"))
    }

    @Test func aRangeThatEndsAtItsStartOrBeforeIsEmpty() {
        #expect(KeyRange.range("b", "b").isEmpty)
        #expect(KeyRange.range("b", "a").isEmpty)
        #expect(!KeyRange.key("b").isEmpty)
        #expect(!KeyRange.all.isEmpty)
    }
}

extension KeyRangeTests {
    /// On the wire an end of the byte 0 would mean "no end".
    @Test func anEmptyRangeStaysEmptyOnTheWire() {
        for range in [KeyRange.range("a", Bytes([0])), .range("a", "")] {
            #expect(KeyRange(key: range.start, rangeEnd: range.rangeEnd).isEmpty)
        }
    }
}
