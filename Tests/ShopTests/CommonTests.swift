import ApusPrimitives
import ApusRPC
import Dispatch
import Foundation
import TestSupport
import Testing

@testable import shop

@Suite struct MoneyTests {
    @Test func `sums and products that do not fit are errors`() throws {
        #expect(try Money(2).adding(Money(3)) == Money(5))
        #expect(try Money(250).multiplied(by: 4) == Money(1000))
        #expect(throws: MoneyOverflow.self) { try Money(.max).adding(Money(1)) }
        #expect(throws: MoneyOverflow.self) { try Money(.max / 2 + 1).multiplied(by: 2) }
        #expect(throws: MoneyOverflow.self) { try Money.sum(of: [Money(.max), Money(1)]) }
    }

    @Test func `JSON is a plain integer`() throws {
        #expect(try JSONCoding.encode([Money(1250)]) == Array("[1250]".utf8))
        #expect(throws: Problem.self) { try JSONCoding.decode([Money].self, from: Array("[12.5]".utf8)) }
    }
}

@Suite struct Base64URLTests {
    @Test func `every byte string comes back`() {
        var random = SeededRandom(seed: 1)
        for length in 0..<200 {
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
            let text = Base64URL.encode(bytes)
            #expect(Base64URL.decode(text.utf8) == bytes)
            let standard = Data(bytes).base64EncodedString()
                .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
            #expect(text == standard)
        }
    }

    @Test(arguments: ["A", "AB=", "AB==", "A+BC", "A/BC", "AB C", "AB", "AAB"])
    func `refuses what it would not write`(text: String) {
        #expect(Base64URL.decode(text.utf8) == nil)
    }
}

@Suite struct IdentifierTests {
    @Test func `shapes`() {
        #expect(Identifiers.isProductID("nest-box"))
        for text in ["", "Nest", "a b", "a/b", "ü", "a\0", String(repeating: "a", count: 65)] {
            #expect(!Identifiers.isProductID(text))
        }
        #expect(Identifiers.isRecordID(Identifiers.next(at: .system)))
        for text in ["", "a.b", "a/b", "a b", "é", String(repeating: "a", count: 65)] {
            #expect(!Identifiers.isRecordID(text))
        }
    }

    @Test func `a timestamp is RFC 3339`() {
        #expect(WallClock.text(milliseconds: 1_700_000_000_123) == "2023-11-14T22:13:20.123Z")
    }
}

@Suite struct TunableTests {
    @Test func `what is stored is clamped`() {
        let tunable = Tunable("n", 5, in: 1...10)
        #expect(Tunables.defaults[tunable] == 5)
        #expect(Tunables { _ in 7 }[tunable] == 7)
        #expect(Tunables { _ in -3 }[tunable] == 1)
        #expect(Tunables { _ in .max }[tunable] == 10)
    }

    @Test func `every default is in its range`() {
        for tunable in UserTunable.all + AuthTunable.all + InventoryTunable.all + PaymentTunable.all {
            #expect(tunable.range.contains(tunable.defaultValue))
        }
    }
}

@Suite struct FencingTokenTests {
    @Test func `one decimal number`() throws {
        #expect(try FencingToken(headers: ["42"]).value == 42)
        for headers in [[], ["1", "2"], [""], ["-1"], ["1a"], ["9223372036854775808"], ["0x1"]] {
            #expect(throws: Problem.self) { try FencingToken(headers: headers) }
        }
    }
}

@Suite struct WorkLanesTests {
    @Test func `refuses when the lines are full, and recovers`() async throws {
        let lanes = WorkLanes("test", count: 1, maxWaiting: 2)
        let gate = DispatchSemaphore(value: 0)
        async let first: Void = lanes.run { gate.wait() }
        async let second: Void = lanes.run { gate.wait() }
        try await eventually { lanes.count == 2 }
        await #expect(throws: WorkLanes.Overloaded.self) { try await lanes.run {} }
        gate.signal()
        gate.signal()
        _ = try await (first, second)
        #expect(try await lanes.run { 3 } == 3)
        #expect(lanes.count == 0)
    }

    @Test func `work of a cancelled caller is skipped`() async throws {
        let lanes = WorkLanes("test", count: 1, maxWaiting: 2)
        let gate = DispatchSemaphore(value: 0)
        let ran = Locked(false)
        async let blocker: Void = lanes.run { gate.wait() }
        let task = Task { try await lanes.run { ran.withLock { $0 = true } } }
        task.cancel()
        gate.signal()
        try await blocker
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(!ran.withLock { $0 })
    }
}
