import ApusPrimitives
import Testing

@testable import ApusResilience

/// The places against two plain lists: who is inside, and who waits.
@Suite struct BulkheadModelTests {
    @Test func agreesWithTwoLists() {
        var outcomes: [Int] = [0, 0, 0]
        for seed in 0..<300 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            func settings() -> Bulkhead.Configuration {
                Bulkhead.Configuration(
                    maxConcurrent: Int.random(in: 1...5, using: &random),
                    maxWaiting: Int.random(in: 0...6, using: &random))
            }
            var configuration = settings()
            var state = BulkheadState<Int>(configuration)
            var inside: [Int] = []
            var line: [(waiter: Int, number: UInt64)] = []
            for step in 0..<200 {
                switch Int.random(in: 0..<20, using: &random) {
                case 0:
                    configuration = settings()
                    state.reconfigure(configuration)
                    while let waiter = state.admitNext() {
                        #expect(inside.count < configuration.maxConcurrent && waiter == line.first?.waiter)
                        inside.append(line.removeFirst().waiter)
                    }
                case 1...9:
                    let isFree = inside.count < configuration.maxConcurrent && line.isEmpty
                    switch state.enter(step) {
                    case .inside:
                        outcomes[0] += 1
                        #expect(isFree, "seed \(seed), step \(step)")
                        inside.append(step)
                    case .waiting(let number):
                        outcomes[1] += 1
                        #expect(!isFree && line.count < configuration.maxWaiting, "seed \(seed), step \(step)")
                        line.append((step, number))
                    case .refused:
                        outcomes[2] += 1
                        #expect(!isFree && line.count >= configuration.maxWaiting, "seed \(seed), step \(step)")
                    }
                case 10...12:
                    guard let index = line.indices.randomElement(using: &random) else { continue }
                    let number = line.remove(at: index).number
                    state.leave(number)
                    state.leave(number)
                default:
                    guard let index = inside.indices.randomElement(using: &random) else { continue }
                    inside.remove(at: index)
                    let next =
                        inside.count < configuration.maxConcurrent && !line.isEmpty ? line.removeFirst().waiter : nil
                    #expect(state.release(at: .zero) == next, "seed \(seed), step \(step)")
                    if let next { inside.append(next) }
                }
                #expect(state.running == inside.count && state.waiting == line.count, "seed \(seed), step \(step)")
            }
        }
        #expect(outcomes.allSatisfy { $0 > 1_000 }, "\(outcomes)")
    }
}
