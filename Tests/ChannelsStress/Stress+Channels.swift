import ApusChannels
import ApusPrimitives

/// What is sent is written before and after: the channel must order the two.
func stressChannel(_ random: SeededRandom) async throws {
    var random = random
    let channel = Channel<Unguarded<Int>>(capacity: Int.random(in: 0...3, using: &random))
    let (producers, consumers, each) = (4, 4, 20)
    let received = (0..<consumers).map { _ in
        let givesUp = random.isOne(in: 2)
        return start {
            var numbers: [Int] = []
            while true {
                let read = start { try await channel.receive() }
                if givesUp, numbers.count % 3 == 0 { read.cancel() }
                do {
                    guard let box = try await read.value else { return numbers }
                    box.value += 1
                    numbers.append(box.value)
                } catch is CancellationError {
                    await Task.yield()
                }
            }
        }
    }
    let sent = await runAndCancel(Array(0..<producers * each), cancelling: 4, &random) { number in
        let box = Unguarded(number)
        box.value *= 2
        try await channel.send(box)
        return number * 2 + 1
    }
    channel.close()
    var all: [Int] = []
    for task in received { all += try await task.value }
    let expected = sent.compactMap { try? $0.get() }
    try check(all.sorted() == expected.sorted(), "sent \(expected.sorted()), received \(all.sorted())")
}

func stressSelect(_ random: SeededRandom) async throws {
    var random = random
    let channels = (0..<3).map { _ in Channel<Unguarded<Int>>(capacity: Int.random(in: 0...1, using: &random)) }
    let (a, b, c) = (channels[0], channels[1], channels[2])
    let quit = Channel<Void>()
    let readers = (0..<3).map { reader in
        start {
            var numbers: [Int] = []
            func take(_ box: Unguarded<Int>?) -> Bool {
                guard let box else { return false }
                box.value += 1
                numbers.append(box.value)
                return true
            }
            while true {
                let goesOn = try await select {
                    receive(from: a) { take($0) }
                    receive(from: b) { take($0) }
                    if reader > 0 { receive(from: c) { take($0) } }
                    receive(from: quit) { _ in false }
                }
                if !goesOn { return numbers }
            }
        }
    }
    let sent = await runAndCancel(Array(0..<60), cancelling: 4, &random) { number in
        let box = Unguarded(number)
        box.value *= 2
        if number.isMultiple(of: 2) {
            try await channels[number % 3].send(box)
        } else {
            try await select {
                send(box, to: a) {}
                send(box, to: c) {}
                if number % 3 == 0 { timeout(.seconds(60)) { throw CancellationError() } }
            }
        }
        return number * 2 + 1
    }
    // What is buffered is taken before the end is heard.
    while channels.contains(where: { $0.count > 0 }) { await Task.yield() }
    quit.close()
    var all: [Int] = []
    for reader in readers { all += try await reader.value }
    let expected = sent.compactMap { try? $0.get() }
    try check(all.sorted() == expected.sorted(), "sent \(expected.sorted()), received \(all.sorted())")
}

func stressTicker(_ random: SeededRandom) async throws {
    let begun = ContinuousClock.now
    let ticker = Ticker(every: .milliseconds(1))
    let end = after(.milliseconds(4))
    let reader = start {
        var ticks = 0
        for try await _ in ticker { ticks += 1 }
        return ticks
    }
    _ = try await end.receive()
    ticker.reset(every: .milliseconds(2))
    ticker.stop()
    // Whoever runs this may have been held up meanwhile.
    let most = (ContinuousClock.now - begun) / .milliseconds(1)
    try check(Double(try await reader.value + ticker.missed) <= most, "more ticks than time")
}

func stressBroadcast(_ random: SeededRandom) async throws {
    var random = random
    let broadcast = Broadcast<Int>()
    let policies: [BroadcastPolicy] = [.wait, .dropOldest, .dropNewest, .disconnect]
    let readers = (policies + [.wait]).map { policy in
        let subscription = broadcast.subscribe(capacity: 2, whenSlow: policy)
        return start {
            var got: [Int] = []
            do {
                for try await element in subscription {
                    got.append(element)
                    if element % 4 == 0 { await Task.yield() }
                }
            } catch is SubscriberTooSlow {
                // It was told.
            }
            return got
        }
    }
    let published = await runAndCancel(Array(0..<60), cancelling: 4, &random) { number in
        try await broadcast.publish(number)
        return number
    }
    broadcast.close()
    let expected = published.compactMap { try? $0.get() }
    let first = try await readers[0].value
    try check(first.sorted() == expected, "published \(expected), received \(first)")
    for reader in readers.dropFirst().dropLast() {
        let got = try await reader.value
        try check(Set(got).count == got.count && Set(got).isSubset(of: first), "received \(got) of \(first)")
    }
    let last = try await readers[4].value
    try check(last == first, "two orders: \(first) and \(last)")
}
