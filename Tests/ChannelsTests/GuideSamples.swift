import ApusChannels
import ApusPrimitives
import TestSupport
import Testing

/// The Swift side of docs/channels.md, compiled and run. What stands between the marks Guide and End stands on the page,
/// in this order and word for word (`GuideTests`).
@Suite struct GuideSamples {
    @Test func goStatement() async throws {
        // Guide
        let messages = Channel<String>()

        Task { try await messages.send("ping") }

        let message = try await messages.receive()
        // End
        #expect(message == "ping")
    }

    @Test func range() async throws {
        // Guide
        let numbers = Channel<Int>(capacity: 2)

        async let sent: Void = {
            for number in 0..<3 { try await numbers.send(number) }
            numbers.close()
        }()

        var sum = 0
        for try await number in numbers { sum += number }
        try await sent
        // End
        #expect(sum == 3)
    }

    // Guide
    func square(
        _ numbers: Channel<Int>.Receiver,
        into squares: Channel<Int>.Sender
    ) async throws {
        for try await number in numbers {
            try await squares.send(number * number)
        }
        squares.close()
    }
    // End

    @Test func ends() async throws {
        let (numbers, squares) = (Channel<Int>(capacity: 1), Channel<Int>(capacity: 1))
        try await numbers.send(3)
        numbers.close()
        try await square(numbers.receiver, into: squares.sender)
        #expect(try await squares.receive() == 9)
        #expect(try await squares.receive() == nil)
    }

    @Test func attempts() async throws {
        let numbers = Channel<Int>(capacity: 1)
        // Guide
        let isSent = numbers.trySend(1).isSent

        if let number = numbers.tryReceive().element {
            print(number)
        }
        // End
        #expect(isSent)
        #expect(numbers.count == 0)
    }

    @Test func selection() async throws {
        let (orders, jobs, job) = (Channel<String>(capacity: 1), Channel<Int>(), 1)
        try await orders.send("tea")
        // Guide
        let news = try await select {
            receive(from: orders) { order in
                "ordered: \(order ?? "nothing more")"
            }
            send(job, to: jobs) { "a worker has it" }
            timeout(.seconds(1)) { "nobody moved" }
        }
        // End
        #expect(news == "ordered: tea")
    }

    @Test func selectionWithADefault() async throws {
        let (orders, isOpen) = (Channel<String>(), true)
        // Guide
        let order = try await select {
            if isOpen {
                receive(from: orders) { $0 ?? "closed" }
            }
            otherwise { "none yet" }
        }
        // End
        #expect(order == "none yet")
    }

    private func fetch(_ page: Int) async throws -> Int { page }

    @Test func waitGroup() async throws {
        let pages = 0..<10
        // Guide
        try await withWaitGroup(atMost: 4) { group in
            for page in pages {
                try await group.go { _ = try await fetch(page) }
            }
        }
        // End
    }

    @Test func plainWaitGroup() async throws {
        // Guide
        let group = WaitGroup()
        for worker in 0..<3 {
            group.add()
            Task {
                defer { group.done() }
                _ = try await fetch(worker)
            }
        }
        try await group.wait()
        // End
        #expect(group.count == 0)
    }

    @Test func locks() async throws {
        // Guide
        let hits = Locked(0)
        hits.withLock { $0 += 1 }

        let lock = ReadWriteLock()
        let page = try await lock.withReadLock {
            try await fetch(7)
        }
        // End
        #expect(page == 7)
    }

    @Test func semaphore() async throws {
        // Guide
        let memory = Semaphore(permits: 100)
        let page = try await memory.withPermits(30) {
            try await fetch(7)
        }
        // End
        #expect(page == 7)
        #expect(memory.available == 100)
    }

    @Test func once() async throws {
        // Guide
        let config = Once { try await self.fetch(1) }
        let first = try await config.value

        let flights = SingleFlight<Int, Int>()
        let page = try await flights.run(7) {
            try await self.fetch(7)
        }
        // End
        #expect((first, page) == (1, 7))
    }

    @Test func context() async throws {
        let jobs = Channel<Int>()
        let done = Channel<Void>(capacity: 1)
        // Guide
        let worker = Task {
            do {
                for try await job in jobs { print(job) }
            } catch is CancellationError {
                try await done.send(())
            }
        }
        worker.cancel()
        // End
        #expect(try await done.receive() != nil)
    }

    @Test func time() async throws {
        let manual = ManualTime()
        let time = manual.source
        let clock = Task {
            for _ in 0..<2 {
                try await manual.waitForSleepers(2)
                manual.advance(by: .seconds(1))
            }
        }
        func report() async throws {}
        let minute = Duration.seconds(2)
        // Guide
        let ticker = Ticker(every: .seconds(1), time: time)
        let end = after(minute, time: time)
        var isOver = false
        while !isOver {
            isOver = try await select {
                receive(from: ticker.ticks) { _ in
                    try await report()
                    return false
                }
                receive(from: end) { _ in true }
            }
        }
        ticker.stop()
        // End
        try await clock.value
    }

    @Test func broadcast() async throws {
        // Guide
        let prices = Broadcast<Int>()
        let display = prices.subscribe(
            capacity: 1, whenSlow: .dropOldest)
        let journal = prices.subscribe(
            capacity: 100, whenSlow: .wait)

        for price in 1...3 { try await prices.publish(price) }

        let shown = try await display.receive()  // 3
        let noted = try await journal.receive()  // 1
        // End
        #expect((shown, noted) == (3, 1))
    }

    @Test func scatterGather() async throws {
        let replicas = [1, 2, 3]
        // Guide
        let found = try await gather(
            from: replicas, until: .majority,
            within: .seconds(1)
        ) { replica in
            try await self.fetch(replica)
        }
        let pages = try found.enough()
        // End
        #expect(pages.count == 2)
    }
}
