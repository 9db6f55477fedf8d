import ApusChannels

extension Workload {
    var withChannel: @Sendable (Int) async throws -> Void {
        switch self {
        case .pingPong: playPingPong
        case .oneToOne: { try await sendOneToOne($0, capacity: 0) }
        case .oneToOneBuffered: { try await sendOneToOne($0, capacity: 128) }
        case .fourToFour: { try await sendFourToFour($0, capacity: 0) }
        case .fourToFourBuffered: { try await sendFourToFour($0, capacity: 128) }
        case .select: { try await selectOfFour($0, capacity: 0) }
        case .selectBuffered: { try await selectOfFour($0, capacity: 128) }
        case .uncontended: sendToOneself
        }
    }
}

@Sendable private func playPingPong(_ rounds: Int) async throws {
    let there = Channel<Int>()
    let back = Channel<Int>()
    async let echo: Void = {
        while let number = try await there.receive() { try await back.send(number) }
    }()
    for number in 0..<rounds {
        try await there.send(number)
        _ = try await back.receive()
    }
    there.close()
    try await echo
}

private func sendOneToOne(_ count: Int, capacity: Int) async throws {
    let channel = Channel<Int>(capacity: capacity)
    async let sent: Void = {
        for number in 0..<count { try await channel.send(number) }
        channel.close()
    }()
    var received = 0
    while try await channel.receive() != nil { received += 1 }
    try await sent
    precondition(received == count)
}

private func sendFourToFour(_ count: Int, capacity: Int) async throws {
    let channel = Channel<Int>(capacity: capacity)
    let received = try await withThrowingTaskGroup(of: Int.self) { consumers in
        for _ in 0..<4 {
            consumers.addTask {
                var received = 0
                while try await channel.receive() != nil { received += 1 }
                return received
            }
        }
        try await withThrowingTaskGroup(of: Void.self) { producers in
            for _ in 0..<4 {
                producers.addTask {
                    for number in 0..<(count / 4) { try await channel.send(number) }
                }
            }
            try await producers.waitForAll()
        }
        channel.close()
        return try await consumers.reduce(0, +)
    }
    precondition(received == count / 4 * 4)
}

private func selectOfFour(_ count: Int, capacity: Int) async throws {
    let channels = (0..<4).map { _ in Channel<Int>(capacity: capacity) }
    try await withThrowingTaskGroup(of: Void.self) { producers in
        for channel in channels {
            producers.addTask {
                for number in 0..<(count / 4) { try await channel.send(number) }
            }
        }
        let (a, b, c, d) = (channels[0], channels[1], channels[2], channels[3])
        var sum = 0
        for _ in 0..<(count / 4 * 4) {
            sum &+= try await select {
                receive(from: a) { $0 ?? 0 }
                receive(from: b) { $0 ?? 0 }
                receive(from: c) { $0 ?? 0 }
                receive(from: d) { $0 ?? 0 }
            }
        }
        try await producers.waitForAll()
        precondition(sum == (count / 4) * (count / 4 - 1) / 2 * 4)
    }
}

@Sendable private func sendToOneself(_ count: Int) async throws {
    let channel = Channel<Int>(capacity: 1)
    for number in 0..<count {
        try await channel.send(number)
        _ = try await channel.receive()
    }
}
