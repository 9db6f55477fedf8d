/// What a channel is, as plainly as it can be said: the oracle of the model tests.
struct NaiveChannel {
    struct Waiting: Equatable {
        var client: Int
        /// Which case of the client's select; 0 for a plain operation.
        var index: Int
        /// What it sends; 0 for a receiver.
        var value = 0
    }

    var capacity: Int
    var held: [Int] = []
    var senders: [Waiting] = []
    var receivers: [Waiting] = []
    var isClosed = false

    var maySend: Bool { isClosed || held.count < capacity || !receivers.isEmpty }
    var mayReceive: Bool { isClosed || !held.isEmpty || !senders.isEmpty }

    /// Somebody sends, and `maySend` holds and it is open.
    ///
    /// - Returns: the receiver that gets the value and goes on.
    mutating func send(_ value: Int) -> Waiting? {
        if receivers.isEmpty {
            held.append(value)
            return nil
        }
        var receiver = receivers.removeFirst()
        receiver.value = value
        return receiver
    }

    /// Somebody receives, and there is something to receive.
    ///
    /// - Returns: the value, and the sender that goes on.
    mutating func receive() -> (value: Int, sender: Waiting?) {
        if senders.isEmpty { return (held.removeFirst(), nil) }
        let sender = senders.removeFirst()
        held.append(sender.value)
        return (held.removeFirst(), sender)
    }

    mutating func forget(_ client: Int) {
        senders.removeAll { $0.client == client }
        receivers.removeAll { $0.client == client }
    }
}
