import ApusPrimitives
import Testing

@testable import ApusChannels

/// `BroadcastState` against a model that keeps, for each subscriber, everything that was published since it came, and
/// says after the fact what it must have seen.
@Suite struct BroadcastModelTests {
    typealias State = BroadcastState<Int, Int, Int>

    @Test func anyOrderOfCallsDoesWhatTheModelSays() {
        schedules(8_000) { random in
            var run = Run()
            for step in 0..<24 { try run.step(step, &random) }
        }
    }

    private struct Subscriber {
        let id: State.SubscriberID
        let capacity: Int
        let policy: BroadcastPolicy
        var buffer: [Int] = []
        var readers: [(ticket: Ticket, id: Int)] = []
        var missed = 0
        var isCut = false
    }

    private struct Run {
        var state = State()
        var subscribers: [Subscriber] = []
        var publishers: [(ticket: Ticket, id: Int)] = []
        var isClosed = false
        var gone: [(ticket: Ticket, subscriber: State.SubscriberID?)] = []
        /// What the model says follows from this step.
        var expected: [String] = []

        mutating func step(_ step: Int, _ random: inout SeededRandom) throws {
            expected = []
            let any = subscribers.isEmpty ? nil : random.below(subscribers.count)
            switch random.below(16) {
            case 0, 1:
                let policy: BroadcastPolicy = [.wait, .wait, .dropOldest, .dropNewest, .disconnect][random.below(5)]
                let capacity = 1 + random.below(3)
                let id = state.subscribe(capacity: capacity, policy: policy)
                subscribers.append(Subscriber(id: id, capacity: capacity, policy: policy))
            case 2...6 where !isClosed:
                let mayGo = publishers.isEmpty && !isHeldUp
                if mayGo { deliver(step) }
                let actions = state.publish(step)
                try checkEqual(actions != nil, mayGo, "published \(step)")
                if let actions {
                    try compare(actions)
                } else {
                    publishers.append((state.enqueue(step, step), step))
                }
            case 7...10:
                if let any { try receive(step, any) }
            case 11:
                guard let any, let reader = random.take(from: &subscribers[any].readers) else { return }
                try checkEqual(state.cancel(receiver: reader.ticket, of: subscribers[any].id), reader.id, "reader left")
                gone.append((reader.ticket, subscribers[any].id))
            case 12:
                guard let publisher = random.take(from: &publishers) else { return }
                try checkEqual(state.cancel(publisher: publisher.ticket), publisher.id, "publisher left")
                gone.append((publisher.ticket, nil))
            case 13:
                guard let (ticket, subscriber) = random.take(from: &gone) else { return }
                let again = subscriber.map { state.cancel(receiver: ticket, of: $0) } ?? state.cancel(publisher: ticket)
                try checkEqual(again, nil, "left twice")
            case 14 where random.isOne(in: 2):
                guard let any else { return }
                let subscriber = subscribers.remove(at: any)
                expected += subscriber.readers.map { "\($0.id) ends" }
                publishWaiting()
                try compare(state.unsubscribe(subscriber.id))
            case 15 where random.isOne(in: 8) && !isClosed:
                isClosed = true
                expected += publishers.map { "\($0.id) refused" }
                publishers = []
                for index in subscribers.indices {
                    expected += subscribers[index].readers.map { "\($0.id) ends" }
                    subscribers[index].readers = []
                }
                try compare(state.close(nil))
            default: return
            }
            try checkEqual(state.waiting, publishers.count, "waiting")
            try checkEqual(state.subscriberCount, subscribers.count, "subscribers")
            for subscriber in subscribers { try checkEqual(state.missed(subscriber.id), subscriber.missed, "missed") }
        }

        private var isHeldUp: Bool {
            subscribers.contains { $0.policy == .wait && $0.buffer.count == $0.capacity }
        }

        private mutating func receive(_ step: Int, _ index: Int) throws {
            let subscriber = subscribers[index]
            let found = state.receive(subscriber.id)
            if let first = subscriber.buffer.first {
                subscribers[index].buffer.removeFirst()
                publishWaiting()
                try checkEqual(found.map { "\($0.reception)" }, "element(\(first))", "read")
            } else if subscriber.isCut {
                subscribers.remove(at: index)
                let error = SubscriberTooSlow(missed: subscriber.missed, capacity: subscriber.capacity)
                guard case .disconnected(error)? = found?.reception else { throw Differs(description: "not cut off") }
            } else if isClosed {
                guard case .ended? = found?.reception else { throw Differs(description: "not ended") }
            } else {
                try check(found == nil, "read something from nothing")
                subscribers[index].readers.append((state.wait(subscriber.id, step), step))
            }
            if let found { try compare(found.actions) }
        }

        private mutating func deliver(_ element: Int) {
            for index in subscribers.indices {
                if !subscribers[index].readers.isEmpty {
                    expected.append("\(subscribers[index].readers.removeFirst().id) gets \(element)")
                } else if !subscribers[index].isCut, subscribers[index].buffer.count < subscribers[index].capacity {
                    subscribers[index].buffer.append(element)
                } else {
                    subscribers[index].missed += 1
                    if subscribers[index].policy == .dropOldest {
                        subscribers[index].buffer = Array((subscribers[index].buffer + [element]).dropFirst())
                    }
                    if subscribers[index].policy == .disconnect { subscribers[index].isCut = true }
                }
            }
        }

        private mutating func publishWaiting() {
            while !publishers.isEmpty, !isHeldUp {
                let next = publishers.removeFirst()
                deliver(next.id)
                expected.append("\(next.id) published")
            }
        }

        private func compare(_ actions: State.Actions) throws {
            var happened = actions.receptions.map { receiver, reception in
                if case .element(let element) = reception { "\(receiver) gets \(element)" } else { "\(receiver) ends" }
            }
            happened += actions.published.map { "\($0) published" } + actions.refused.map { "\($0) refused" }
            try checkEqual(happened.sorted(), expected.sorted(), "what follows")
        }
    }
}
