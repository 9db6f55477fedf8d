import ApusPrimitives
import Synchronization

/// A number from 0 to `sides` - 1, each with the same chance (to one in 2⁶⁴).
///
/// Not the system's generator, which costs more than a whole `select`: a counter, mixed as in SplitMix64.
@usableFromInline
func selectDice(_ sides: Int) -> Int {
    var random = SeededRandom(
        seed: SelectDice.throwCount.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue)
    return Int(truncatingIfNeeded: random.next().multipliedFullWidth(by: UInt64(sides)).high)
}

private enum SelectDice {
    static let throwCount = Atomic<UInt64>(.random(in: 0 ... .max))
}
