import ApusPrimitives
import Testing

@testable import ApusChannels

/// Random schedules of selects over three channels, with the code that `select` runs, against `NaiveChannel`s.
@Suite("Select against a naive model", .timeLimit(.minutes(2)))
struct SelectModelTests {
    static let schedules = 28_000
    static let steps = 16

    @Test(arguments: [0, 1, 2, 3])
    func everyScheduleIsThatOfTheModel(_ part: Int) async throws {
        for schedule in 0..<(Self.schedules / 4) {
            let seed = UInt64(part * Self.schedules + schedule)
            var run = SelectRun(seed: seed)
            let failure = try await run.play(Self.steps)
            #expect(failure == nil, "seed \(seed)")
            if failure != nil { return }
        }
    }
}

/// What a select ended with: its case, and the value that it received.
private struct Ending: Equatable {
    var index: Int
    var value: Int?
}

/// One select of up to three cases, as a task would run it. Nobody waits in it: the schedule is the scheduler.
private final class Player {
    typealias Cases = SelectPair<SelectPair<PlayedCase, PlayedCase>, PlayedCase>

    let id: Int
    let ticket = SelectTicket()
    var cases: Cases

    init(_ id: Int, _ cases: consuming Cases) {
        self.id = id
        self.cases = cases
    }
}

/// A case that is a receive, a send or absent.
private typealias PlayedCase = SelectPair<SelectMaybe<SelectReceive<Int, Ending>>, SelectMaybe<SelectSend<Int, Ending>>>

private struct SelectRun {
    struct Wish {
        var channel: Int
        /// nil to receive.
        var value: Int?
    }

    var random: SeededRandom
    let channels: [Channel<Int>]
    var model: [NaiveChannel]
    var waiting: [Player] = []
    var wishes: [Int: [Wish]] = [:]
    var nextID = 0
    var nextValue = 1

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
        var capacities: [Int] = []
        for _ in 0..<3 { capacities.append(Int.random(in: 0...2, using: &random)) }
        channels = capacities.map { Channel(capacity: $0) }
        model = capacities.map { NaiveChannel(capacity: $0) }
    }

    mutating func play(_ steps: Int) async throws -> String? {
        for step in 0..<steps {
            let difference =
                switch Int.random(in: 0..<16, using: &random) {
                case 0..<13: try await begin()
                case 13..<15: cancel()
                default: Int.random(in: 0..<3, using: &random) == 0 ? try await close() : nil
                }
            if let difference = difference ?? compare() { return "step \(step): \(difference)" }
        }
        return nil
    }

    /// A task comes to a select.
    mutating func begin() async throws -> String? {
        let wishes = (0..<Int.random(in: 1...3, using: &random)).map { _ in wish() }
        let player = Player(nextID, cases(wishes))
        nextID += 1
        let ready = wishes.indices.filter { isReady(wishes[$0]) }
        player.cases.lockAll()
        // Those of the model that look ready are ready; the real ones may count a peer that has been won elsewhere.
        var action: SelectAction?
        while action == nil, player.cases.readyCount > 0 {
            var skip = Int.random(in: 0..<player.cases.readyCount, using: &random)
            action = player.cases.perform(&skip, first: 0)
        }
        if let action {
            player.cases.unlockAll()
            guard ready.contains(action.index) else { return "case \(action.index) of \(wishes) was not ready" }
            return try await happened(wishes[action.index], player, action)
        }
        player.cases.park(player.ticket, first: 0)
        _ = player.ticket.park()
        player.cases.unlockAll()
        guard ready.isEmpty else { return "waits, though \(ready) of \(wishes) are ready" }
        waiting.append(player)
        self.wishes[player.id] = wishes
        for (index, wish) in wishes.enumerated() {
            let place = NaiveChannel.Waiting(client: player.id, index: index, value: wish.value ?? 0)
            if wish.value == nil {
                model[wish.channel].receivers.append(place)
            } else {
                model[wish.channel].senders.append(place)
            }
        }
        return nil
    }

    /// The case of `wish` has happened at once: so says the model, and who was woken goes on as it says.
    mutating func happened(_ wish: Wish, _ player: Player, _ action: SelectAction) async throws -> String? {
        let other: NaiveChannel.Waiting?
        var got = Ending(index: -1)
        do { got = try await player.cases.runFully(action.index) } catch is ChannelClosed {
            return model[wish.channel].isClosed ? nil : "refused by an open channel"
        }
        if let value = wish.value {
            if model[wish.channel].isClosed { return "sent to a closed channel" }
            other = model[wish.channel].send(value)
        } else if model[wish.channel].held.isEmpty, model[wish.channel].senders.isEmpty {
            return got.value == nil && action.waiter == nil ? nil : "received from an empty channel"
        } else {
            let (value, sender) = model[wish.channel].receive()
            if got.value != value { return "received \(got), not \(value)" }
            other = sender
        }
        return try await wake(action.waiter, other)
    }

    /// `waiter` was won: it must be the one that the model says, and must have what it says.
    mutating func wake(_ waiter: ChannelWaiter?, _ expected: NaiveChannel.Waiting?) async throws -> String? {
        guard let expected else { return waiter == nil ? nil : "woke somebody" }
        guard case .select(_, let index)? = waiter, index == expected.index else { return "did not wake \(expected)" }
        let player = leave(expected.client)
        guard player.ticket.outcome == index else { return "\(expected) ended with \(player.ticket.outcome)" }
        let wish = wishes[player.id]![index]
        player.cases.leave(index, player.ticket)
        let ending = try await player.cases.runFully(index)
        let wanted = Ending(index: index, value: wish.value == nil ? expected.value : nil)
        return ending == wanted ? nil : "\(expected) got \(ending)"
    }

    mutating func leave(_ id: Int) -> Player {
        for index in model.indices { model[index].forget(id) }
        return waiting.remove(at: waiting.firstIndex { $0.id == id }!)
    }

    mutating func cancel() -> String? {
        guard let player = waiting.randomElement(using: &random) else { return nil }
        guard player.ticket.claim(SelectTicket.Mark.cancelled) else { return "\(player.id) had gone" }
        player.cases.leave(SelectTicket.Mark.cancelled, player.ticket)
        _ = leave(player.id)
        return nil
    }

    mutating func close() async throws -> String? {
        let index = Int.random(in: 0..<channels.count, using: &random)
        let channel = channels[index]
        channel.lock.lock()
        let woken = channel.state.close(nil)
        channel.lock.unlock()
        if model[index].isClosed { return woken == nil ? nil : "closed twice" }
        model[index].isClosed = true
        for waiter in woken ?? [] {
            guard case .select(let ticket, let number) = waiter else { return "woke a plain operation" }
            guard let player = waiting.first(where: { $0.ticket === ticket.takeUnretainedValue() }) else {
                return "woke a stranger"
            }
            player.ticket.wake = .closed
            player.cases.leave(number, player.ticket)
            let sends = wishes[player.id]![number].value != nil
            do {
                let ending = try await player.cases.runFully(number)
                if sends || ending.value != nil { return "a closed channel gave \(ending)" }
            } catch is ChannelClosed {
                if !sends { return "a receive was refused" }
            }
            _ = leave(player.id)
        }
        return model[index].senders.isEmpty && model[index].receivers.isEmpty
            ? nil : "somebody waits at a closed channel"
    }

    func compare() -> String? {
        for index in channels.indices where channels[index].count != model[index].held.count {
            return "channel \(index) holds \(channels[index].count), not \(model[index].held.count)"
        }
        return nil
    }

    func isReady(_ wish: Wish) -> Bool {
        wish.value == nil ? model[wish.channel].mayReceive : model[wish.channel].maySend
    }

    mutating func wish() -> Wish {
        nextValue += 1
        let channel = Int.random(in: 0..<channels.count, using: &random)
        return Wish(channel: channel, value: Bool.random(using: &random) ? nextValue : nil)
    }

    func cases(_ wishes: [Wish]) -> Player.Cases {
        func played(_ index: Int) -> PlayedCase {
            let wish = index < wishes.count ? wishes[index] : nil
            var receives: SelectReceive<Int, Ending>?
            var sends: SelectSend<Int, Ending>?
            if let wish, let value = wish.value {
                sends = send(value, to: channels[wish.channel]) { Ending(index: index) }
            } else if let wish {
                receives = receive(from: channels[wish.channel]) { Ending(index: index, value: $0) }
            }
            return SelectPair(SelectMaybe(receives), SelectMaybe(sends))
        }
        return SelectPair(SelectPair(played(0), played(1)), played(2))
    }
}
