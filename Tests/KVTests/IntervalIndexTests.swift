import ApusPrimitives
import Testing

@testable import ApusKV

@Suite struct IntervalIndexTests {
    @Test(arguments: 1...3 as ClosedRange<UInt64>)
    func findsWhatASearchThroughAllFinds(seed: UInt64) {
        var trace = RandomTrace(seed: seed)
        var index = IntervalIndex()
        var model: [Int64: KeyRange] = [:]
        for id in 1...2_000 as ClosedRange<Int64> {
            let range = trace.range()
            index.insert(range, id: id)
            model[id] = range
            if model.count > 150, let victim = model.keys.sorted().randomElement(using: &trace.random) {
                index.remove(model[victim]!, id: victim)
                model[victim] = nil
            }
            let key = trace.key()
            var found: [Int64] = []
            index.forEach(containing: key) { found.append($0) }
            #expect(found.sorted() == model.filter { $0.value.contains(key) }.keys.sorted())
            #expect(index.count == model.count)
        }
    }
}
