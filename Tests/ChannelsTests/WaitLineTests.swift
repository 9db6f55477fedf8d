import ApusPrimitives
import Testing

@testable import ApusChannels

@Suite struct WaitLineTests {
    /// Against a plain array, with stale and repeated tickets.
    @Test func servesInOrderWhoeverIsLeft() {
        schedules(3_000) { random in
            var line = WaitLine<Int>()
            var model: [(ticket: Ticket, waiter: Int)] = []
            var issued: [Ticket] = []
            for step in 0..<20 {
                switch random.below(8) {
                case 0...3:
                    let ticket = line.join(step)
                    model.append((ticket, step))
                    issued.append(ticket)
                case 4:
                    try checkEqual(line.popFirst(), model.isEmpty ? nil : model.removeFirst().waiter, "popped")
                case 5...6 where !issued.isEmpty:
                    let ticket = issued[random.below(issued.count)]
                    let index = model.firstIndex { $0.ticket == ticket }
                    try checkEqual(line.leave(ticket), index.map { model.remove(at: $0).waiter }, "left")
                default:
                    guard random.isOne(in: 8) else { continue }
                    try checkEqual(line.popAll(), model.map(\.waiter), "all")
                    model = []
                }
                try checkEqual(line.first, model.first?.waiter, "first")
                try checkEqual(line.count, model.count, "count")
            }
        }
    }

    /// Ten thousand waiters that all give up keep no memory, and cost no more than a line of their number.
    @Test func longLinesCloseUp() {
        var line = WaitLine<Int>()
        let tickets = (0..<10_000).map { line.join($0) }
        for ticket in tickets.reversed().dropLast() { _ = line.leave(ticket) }
        #expect(line.count == 1)
        #expect(line.placeCount < 16)
        #expect(line.popFirst() == 0)
    }
}
