import ApusPrimitives
import Testing

@testable import ApusChannels

/// Random schedules of everything that can happen at one channel, against `NaiveChannel`.
@Suite("Channel state against a naive model", .timeLimit(.minutes(2)))
struct ChannelStateModelTests {
    static let schedules = 36_000
    static let steps = 24

    @Test(arguments: [0, 1, 2, 3])
    func everyScheduleIsThatOfTheModel(_ part: Int) {
        for schedule in 0..<(Self.schedules / 4) {
            let seed = UInt64(part * Self.schedules + schedule)
            var run = ChannelRun(seed: seed)
            let failure = run.play(Self.steps)
            #expect(failure == nil, "seed \(seed)")
            if failure != nil { return }
        }
    }
}

/// A task that waits, as the state machine sees it.
private final class Client: ChannelWaiting {
    let id: Int
    /// False once a channel has won it: this one, or another of the same select.
    var mayBeWon = true

    init(_ id: Int) {
        self.id = id
    }

    func claim() -> Bool {
        defer { mayBeWon = false }
        return mayBeWon
    }
}

private struct ChannelRun: ~Copyable {
    struct Parked {
        var client: Client
        var node: ChannelState<Int, Client>.Node
        var sends: Bool
    }

    var random: SeededRandom
    var state: ChannelState<Int, Client>
    var model: NaiveChannel
    var parked: [Parked] = []
    /// Another channel has won them, and they have not left this one yet.
    var lost: [Parked] = []
    var nextClient = 0
    var nextValue = 1

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
        let capacity = Int.random(in: 0...3, using: &random)
        state = ChannelState(capacity: capacity)
        model = NaiveChannel(capacity: capacity)
    }

    /// - Returns: the first difference.
    mutating func play(_ steps: Int) -> String? {
        for step in 0..<steps {
            let difference =
                switch Int.random(in: 0..<20, using: &random) {
                case 0..<7: send()
                case 7..<14: receive()
                case 14..<16: cancel()
                case 16: lose()
                case 17: leave()
                case 18: compare()
                default: Int.random(in: 0..<4, using: &random) == 0 ? close() : nil
                }
            if let difference = difference ?? compare() { return "step \(step): \(difference)" }
        }
        while !parked.isEmpty { if let difference = cancel() { return "at the end: \(difference)" } }
        while !lost.isEmpty { _ = leave() }
        return compare()
    }

    mutating func send() -> String? {
        let value = nextValue
        nextValue += 1
        let expected = model.maySend
        var parcel = ChannelParcel?(ChannelParcel(value))
        switch state.send(&parcel) {
        case .buffered:
            if !expected || model.isClosed { return "buffered \(value)" }
            return model.send(value) == nil ? nil : "buffered past a receiver"
        case .handed(let client):
            if !expected || model.isClosed { return "handed \(value) over" }
            let receiver = model.send(value)
            if receiver?.client != client.id { return "handed to \(client.id), not to \(receiver as Any)" }
            return finish(client, with: value)
        case .closed:
            return model.isClosed ? nil : "refused while open"
        case .full:
            if expected { return "full" }
            let client = Client(nextClient)
            nextClient += 1
            let node = state.reserve()
            node.pointee.parcel = parcel.take()
            state.parkSender(node, client)
            model.senders.append(.init(client: client.id, index: 0, value: value))
            parked.append(Parked(client: client, node: node, sends: true))
            return nil
        }
    }

    mutating func receive() -> String? {
        let expected = model.mayReceive
        var parcel: ChannelParcel<Int>?
        switch state.receive(&parcel) {
        case .received:
            let value = parcel.take()!.open()
            if !expected || model.held.isEmpty { return "received \(value) from nowhere" }
            let (wanted, sender) = model.receive()
            return wanted == value && sender == nil ? nil : "received \(value), not \(wanted)"
        case .receivedFrom(let client):
            let value = parcel.take()!.open()
            if !expected || model.senders.isEmpty { return "received \(value) from nobody" }
            let (wanted, sender) = model.receive()
            if wanted != value || sender?.client != client.id { return "received \(value), not \(wanted)" }
            return finish(client, with: nil)
        case .closed:
            return model.isClosed && model.held.isEmpty ? nil : "closed"
        case .empty:
            if expected { return "empty" }
            let client = Client(nextClient)
            nextClient += 1
            let node = state.reserve()
            state.parkReceiver(node, client)
            model.receivers.append(.init(client: client.id, index: 0))
            parked.append(Parked(client: client, node: node, sends: false))
            return nil
        }
    }

    /// A client was woken: its node holds what it was handed, or nothing.
    mutating func finish(_ client: Client, with value: Int?) -> String? {
        guard let index = parked.firstIndex(where: { $0.client.id == client.id }) else { return "woke a stranger" }
        let place = parked.remove(at: index)
        let left = state.withdrawSender(place.node) == nil
        let got = state.release(place.node)?.open()
        return left && got == value ? nil : "\(client.id) has \(got as Any), not \(value as Any)"
    }

    mutating func cancel() -> String? {
        guard let index = parked.indices.randomElement(using: &random) else { return nil }
        let place = parked.remove(at: index)
        let client = place.sends ? state.withdrawSender(place.node) : state.withdrawReceiver(place.node)
        let unsent = state.release(place.node)?.open()
        let wanted = model.senders.first { $0.client == place.client.id }?.value
        model.forget(place.client.id)
        return client === place.client && unsent == wanted ? nil : "cancelled \(place.client.id), which had gone"
    }

    /// Another channel wins a client that stands here as well.
    mutating func lose() -> String? {
        guard let index = parked.indices.randomElement(using: &random) else { return nil }
        let place = parked.remove(at: index)
        place.client.mayBeWon = false
        model.forget(place.client.id)
        lost.append(place)
        return nil
    }

    /// One that was lost leaves, and takes its element along.
    mutating func leave() -> String? {
        guard let index = lost.indices.randomElement(using: &random) else { return nil }
        let place = lost.remove(at: index)
        _ = place.sends ? state.withdrawSender(place.node) : state.withdrawReceiver(place.node)
        let unsent = state.release(place.node)?.open()
        return (unsent != nil) == place.sends ? nil : "a lost client has \(unsent as Any)"
    }

    mutating func close() -> String? {
        let woken = state.close(nil)?.map(\.id)
        if model.isClosed { return woken == nil ? nil : "closed twice" }
        model.isClosed = true
        let wanted = (model.receivers + model.senders).map(\.client)
        model.receivers = []
        model.senders = []
        for place in parked { _ = state.release(place.node) }
        parked = []
        return woken == wanted ? nil : "close woke \(woken as Any), not \(wanted)"
    }

    mutating func compare() -> String? {
        if state.buffer.count != model.held.count { return "\(state.buffer.count) held, not \(model.held.count)" }
        return state.isClosed == model.isClosed ? nil : "closed: \(state.isClosed)"
    }
}
