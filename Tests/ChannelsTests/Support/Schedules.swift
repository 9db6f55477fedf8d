import ApusPrimitives
import Testing

/// Two machines that should do the same did not.
struct Differs: Error, CustomStringConvertible {
    let description: String
}

func check(_ holds: Bool, _ what: @autoclosure () -> String) throws(Differs) {
    if !holds { throw Differs(description: what()) }
}

func checkEqual<Value: Equatable>(_ left: Value, _ right: Value, _ what: @autoclosure () -> String) throws(Differs) {
    if left != right { throw Differs(description: "\(what()): \(left), and the model says \(right)") }
}

/// Runs `body` on `count` random schedules; stops at the first that fails and names its seed.
func schedules(_ count: Int, from first: UInt64 = 1, _ body: (inout SeededRandom) throws -> Void) {
    for seed in first..<first + UInt64(count) {
        var random = SeededRandom(seed: seed)
        do { try body(&random) } catch {
            Issue.record("seed \(seed): \(error)")
            return
        }
    }
}

extension SeededRandom {
    /// 0 up to but without `bound`; quicker than `Int.random` where nothing is optimised.
    mutating func below(_ bound: Int) -> Int {
        Int(truncatingIfNeeded: next() >> 33) % bound
    }

    mutating func isOne(in count: Int) -> Bool {
        below(count) == 0
    }

    /// Takes any element out; nil when there is none.
    mutating func take<Element>(from list: inout [Element]) -> Element? {
        list.isEmpty ? nil : list.remove(at: below(list.count))
    }
}
