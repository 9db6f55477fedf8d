import ApusCoordination
import ApusKV
import ApusPrimitives
import ApusResilience
import Logging
import ServiceLifecycle
import TestSupport
import Testing

@Suite struct SharedQuotaTests {
    let time = ManualTime()
    let real: EmbeddedStore

    init() {
        real = EmbeddedStore(time: time.source)
    }

    /// An instance with a network of its own to the one store.
    private func instance(
        _ id: String, permits: Int = 100, maxWait: Duration = .zero, expected: Int = 1
    ) -> (quota: SharedQuota, store: FaultyStore) {
        let store = FaultyStore(real)
        let quota = SharedQuota(
            "mails",
            configuration: QuotaShares.Configuration(permits: permits, maxWait: maxWait, expectedInstances: expected),
            instance: id, store: store, time: time.source, logger: .quiet)
        return (quota, store)
    }

    private func running(_ quotas: [SharedQuota], _ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup { group in
            let real = real
            group.addTask { try await real.run() }
            for quota in quotas { group.addTask { try await quota.run() } }
            try await body()
            group.cancelAll()
            while let result = await group.nextResult() {
                if case .failure(let error) = result { #expect(error is CancellationError) }
            }
        }
    }

    /// Lets time pass in small steps until `condition` holds.
    private func pass(_ step: Duration = .milliseconds(50), until condition: () async throws -> Bool) async throws {
        try await eventually {
            if try await condition() { return true }
            time.advance(by: step)
            for _ in 0..<20 { await Task.yield() }
            return false
        }
    }

    /// How many of so many calls are admitted now.
    @discardableResult
    private func admitted(_ quota: SharedQuota, of calls: Int) -> Int {
        (0..<calls).count { _ in (try? quota.acquire()) != nil }
    }

    @Test func `an instance alone has all of it, once the store has said so`() async throws {
        let (quota, _) = instance("a")
        let error = #expect(throws: ResilienceError.self) { try quota.acquire() }
        #expect(error?.code == .rateLimited)
        #expect(error?.message.hasPrefix("no share: it is not running") == true)
        try await running([quota]) {
            try await eventually { quota.status.share == 100 }
            #expect(quota.status.standing == .granted && quota.status.instances == 1)
            #expect(admitted(quota, of: 200) == 0, "it begins empty")
            time.advance(by: .seconds(1))
            #expect(admitted(quota, of: 200) == 100)
            #expect(try await real.list(prefix: "apus/quota/mails/share/").kvs.map(\.value.text) == ["100000 a"])
        }
        #expect(throws: ResilienceError.self) { try quota.acquire() }
    }

    @Test func `several share it, according to their demand`() async throws {
        let quotas = ["a", "b", "c", "d"].map { instance($0).quota }
        try await running(quotas) {
            try await pass { quotas.allSatisfy { $0.status.share == 25 } }
            try await pass {
                admitted(quotas[0], of: 40)
                // The others are not asked for anything; they keep their part of the tenth that is divided evenly.
                return quotas[0].status.share > 80 && quotas[1...].allSatisfy { $0.status.share >= 2.5 }
            }
            try await pass {
                admitted(quotas[3], of: 40)
                return quotas[3].status.share > 60
            }
        }
    }

    @Test func `a graceful stop gives the share to the others at once`() async throws {
        let (stays, _) = instance("a")
        let (goes, _) = instance("b")
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(services: [.init(service: goes)], logger: .quiet))
        try await withThrowingTaskGroup { tasks in
            tasks.addTask { try await group.run() }
            try await running([stays]) {
                try await pass { stays.status.share == 50 && goes.status.share == 50 }
                await group.triggerGracefulShutdown()
                try await tasks.waitForAll()
                #expect(goes.status.share == 0)
                #expect(real.snapshot.leases.count == 1)
                try await pass { stays.status.share == 100 }
            }
        }
    }

    @Test func `what an instance had that died is the others' after its lease`() async throws {
        let (stays, _) = instance("a")
        let (dies, _) = instance("b")
        let task = Task { try await dies.run() }
        try await running([stays]) {
            try await pass { stays.status.share == 50 && dies.status.share == 50 }
            let end = time.now
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            try await pass { stays.status.share == 100 }
            #expect(time.now - end >= .seconds(4))
        }
    }

    @Test func `while the store is away everybody goes on, and it all comes back`() async throws {
        let (a, networkA) = instance("a")
        let (b, networkB) = instance("b")
        try await running([a, b]) {
            try await pass {
                admitted(a, of: 40)
                // The clock may run ahead of a busy machine, so that one loses its lease on the way.
                return [a, b].allSatisfy { $0.status.standing == .granted && $0.status.instances == 2 }
                    && a.status.share > 80 && b.status.share < 20
            }
            for network in [networkA, networkB] { network.setAway(true) }
            let share = a.status.share
            time.advance(by: .seconds(3))
            #expect(a.status.share == share && a.status.standing == .granted)
            try await pass { a.status.standing == .cautious && b.status.standing == .cautious }
            #expect(a.status.share == 50 && b.status.share < 20, "\(a.status) \(b.status)")
            try await pass { a.status.standing == .alone && b.status.standing == .alone }
            #expect(a.status.share == 50 && b.status.share == 50, "\(a.status) \(b.status)")
            for network in [networkA, networkB] { network.setAway(false) }
            try await pass {
                admitted(b, of: 40)
                return b.status.share > 80 && a.status.share < 20
            }
            #expect(a.status.standing == .granted && b.status.standing == .granted)
        }
    }

    @Test func `an instance that starts while the store is away has an even part of those expected`() async throws {
        let (quota, network) = instance("a", expected: 5)
        network.setAway(true)
        try await running([quota]) {
            try await eventually { quota.status.standing == .alone }
            #expect(quota.status.share == 20)
            network.setAway(false)
            try await pass { quota.status.share == 100 }
        }
    }

    @Test func `a lost lease and a store that lost its data are made good`() async throws {
        let (quota, network) = instance("a")
        try await running([quota]) {
            try await eventually { quota.status.share == 100 }
            try await real.revokeLease(try #require(real.snapshot.leases.first).id)
            try await pass { quota.status.share == 100 && real.snapshot.leases.count == 1 }
            let fresh = EmbeddedStore(time: time.source)
            network.replace(with: fresh)
            try await pass {
                let count = try await fresh.list(prefix: "apus/quota/mails/").count
                return quota.status.share == 100 && count == 2
            }
        }
    }

    @Test func `a new limit holds from then on`() async throws {
        let quotas = ["a", "b"].map { instance($0).quota }
        try await running(quotas) {
            try await pass { quotas.allSatisfy { $0.status.share == 50 } }
            for quota in quotas { quota.reconfigure(QuotaShares.Configuration(permits: 10)) }
            #expect(quotas.allSatisfy { $0.status.share <= 10 })
            try await pass { quotas.allSatisfy { $0.status.share == 5 } }
            for quota in quotas { quota.reconfigure(QuotaShares.Configuration(permits: 1_000)) }
            try await pass { quotas.allSatisfy { $0.status.share == 500 } }
        }
    }

    @Test func `calls wait for their turn, and give it back when they are cancelled`() async throws {
        let (quota, _) = instance("a", permits: 1, maxWait: .seconds(3))
        try await running([quota]) {
            try await eventually { quota.status.share == 1 }
            let sleepers = time.sleeperCount
            let gone = Task { try await quota.wait() }
            try await eventually { time.sleeperCount > sleepers }
            gone.cancel()
            await #expect(throws: CancellationError.self) { try await gone.value }
            let next = Task { try await quota.run { 5 } }
            let error = await #expect(throws: ResilienceError.self) {
                try await Deadline.$current.withValue(Deadline(after: .milliseconds(500), from: time.now)) {
                    try await quota.wait()
                }
            }
            #expect(error?.code == .rateLimited)
            try await pass(.milliseconds(10)) { time.now >= .zero + .seconds(2) }
            #expect(try await next.value == 5)
        }
    }

    /// Instances come and go, lose the store and their answers; what is admitted stays within what the manual says.
    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func `what is admitted keeps the bound under any faults`(_ seed: UInt64) async throws {
        var random = SeededRandom(seed: seed)
        let permits = 50
        let instances = (0..<4).map { instance("i\($0)", permits: permits) }
        var calls: [MonotonicTime] = []
        try await running(instances.map(\.quota)) {
            try await pass { instances.allSatisfy { $0.quota.status.share > 0 } }
            let begin = time.now
            while time.now < begin + .seconds(40) {
                let network = instances.randomElement(using: &random)!.store
                switch Int.random(in: 0..<24, using: &random) {
                case 0: network.setLosesAnswers(true)
                case 1: network.setLosesAnswers(false)
                // For less than a lease; longer is a partition, which has a bound of its own.
                case 2: for instance in instances { instance.store.setAway(true) }
                case 3, 4, 5: for instance in instances { instance.store.setAway(false) }
                default: break
                }
                for _ in 0..<60 {
                    if (try? instances.randomElement(using: &random)!.quota.acquire()) != nil { calls.append(time.now) }
                }
                time.advance(by: .milliseconds(Int.random(in: 5...120, using: &random)))
                for _ in 0..<Int.random(in: 0..<30, using: &random) { await Task.yield() }
            }
            for instance in instances {
                instance.store.setAway(false)
                instance.store.setLosesAnswers(false)
            }
            try await pass {
                instances.allSatisfy { $0.quota.status.standing == .granted }
                    && abs(instances.reduce(0) { $0 + $1.quota.status.share } - Double(permits)) < 5
            }
        }
        // A bucket of twice the limit: instances that lost their lease, or cannot be heard, have an even part each.
        var level = Double(permits + 4)
        var last = calls.first ?? .zero
        for call in calls {
            level = min(level + (call - last).seconds * Double(permits) * 2, Double(permits + 4)) - 1
            last = call
            #expect(level >= -0.001, "seed \(seed)")
        }
        #expect(calls.count > 500, "seed \(seed): \(calls.count)")
    }
}
