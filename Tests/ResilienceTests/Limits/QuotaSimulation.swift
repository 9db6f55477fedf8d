import ApusPrimitives

@testable import ApusResilience

/// Instances that share a quota through a store, from a seed: writes that come late or whose answers are lost, leases that
/// run out, instances that are cut off, a store that is away. Time moves in steps of 5 ms.
struct QuotaSimulation {
    struct Instance {
        var shares: QuotaShares
        var id: String
        var isCutOff = false
        /// When it settles its share next, and what it does then.
        var next: MonotonicTime
        var listed: (members: [QuotaShares.Member], revision: Int64, start: MonotonicTime, id: String)?
        /// Permits asked for a second.
        var demand: Double
        var owed = 0.0
        /// The last moment at which it settled its share.
        var settled: MonotonicTime?
    }

    struct Record {
        var share = 0
        var demand = 0
        var revision: Int64 = 0
        var expires: MonotonicTime
    }

    struct Late {
        let due: MonotonicTime
        let write: QuotaShares.Write
        let id: String
        let seen: (own: Int64, all: Int64)
    }

    static let step = Duration.milliseconds(5)
    static let lifetime = Duration.seconds(2)
    static let interval = Duration.milliseconds(200)

    let permits: Int
    var random: SeededRandom
    var now = MonotonicTime.zero
    var instances: [Instance] = []
    var records: [String: Record] = [:]
    var revision: Int64 = 1
    var late: [Late] = []
    var isStoreAway = false
    /// How many writes of a thousand come late or lose their answer.
    var faults = 0
    var admitted: [MonotonicTime] = []
    private var lastID = 0

    init(seed: UInt64, instances count: Int, permits: Int) {
        random = SeededRandom(seed: seed)
        self.permits = permits
        for _ in 0..<count { add() }
    }

    var total: Int { permits * QuotaShares.unit }

    /// What all may use now together.
    var used: Int { instances.reduce(0) { $0 + $1.shares.share(at: now) } }

    mutating func add() {
        lastID += 1
        var shares = QuotaShares(
            "quota", configuration: QuotaShares.Configuration(permits: permits), lifetime: Self.lifetime, at: now)
        shares.start(at: now)
        instances.append(
            Instance(shares: shares, id: "i\(lastID)", next: now, demand: Double.random(in: 0...200, using: &random)))
    }

    mutating func run(for duration: Duration, _ check: (QuotaSimulation) -> Void = { _ in }) {
        let end = now + duration
        while now < end {
            now = now + Self.step
            // Leases run out when the store likes, though never early.
            for id in records.keys.sorted() where records[id]!.expires <= now {
                if Int.random(in: 0..<20, using: &random) == 0 { records[id] = nil }
            }
            for write in late.filter({ $0.due <= now }) { _ = commit(write) }
            late.removeAll { $0.due <= now }
            for index in instances.indices {
                if now >= instances[index].next { settle(index) }
                call(index)
            }
            check(self)
        }
    }

    private mutating func call(_ index: Int) {
        instances[index].owed += instances[index].demand * Self.step.seconds
        while instances[index].owed >= 1 {
            instances[index].owed -= 1
            if (try? instances[index].shares.acquire(at: now)) != nil { admitted.append(now) }
        }
    }

    /// First the list, and some time later what follows from it: others act in between.
    private mutating func settle(_ index: Int) {
        let pause = Duration.milliseconds(Int.random(in: 160...240, using: &random))
        guard !isStoreAway, !instances[index].isCutOff else {
            instances[index].listed = nil
            instances[index].shares.away(at: now)
            instances[index].next = now + pause
            return
        }
        if let list = instances[index].listed, list.id == instances[index].id {
            instances[index].listed = nil
            instances[index].next = now + pause
            write(index, list)
            return
        }
        let id = instances[index].id
        if records[id] == nil {
            if instances[index].settled != nil {
                // Its lease is lost: it is another for the store.
                instances[index].shares.forgotten(at: now)
                lastID += 1
                instances[index].id = "i\(lastID)"
            }
            records[instances[index].id] = Record(expires: now + Self.lifetime)
        }
        records[instances[index].id]!.expires = now + Self.lifetime
        records[instances[index].id]!.demand = instances[index].shares.measureDemand(at: now)
        let members = records.keys.sorted().map { id in
            QuotaShares.Member(
                id: id, share: records[id]!.share, demand: records[id]!.demand, revision: records[id]!.revision)
        }
        instances[index].listed = (members, revision, now, instances[index].id)
        instances[index].settled = now
        instances[index].next = now + .milliseconds(Int.random(in: 0...40, using: &random))
    }

    private mutating func write(
        _ index: Int, _ list: (members: [QuotaShares.Member], revision: Int64, start: MonotonicTime, id: String)
    ) {
        if let write = instances[index].shares.read(list.members, own: list.id, at: now) {
            let own = list.members.first { $0.id == list.id }!.revision
            let attempt = Late(due: now, write: write, id: list.id, seen: (own, list.revision))
            if Int.random(in: 0..<1_000, using: &random) < faults {
                if Bool.random(using: &random) { _ = commit(attempt) }
                let delay = Duration.milliseconds(Int.random(in: 0...1_500, using: &random))
                late.append(Late(due: now + delay, write: write, id: list.id, seen: attempt.seen))
                instances[index].shares.lost(write, at: now)
                return
            }
            // One that was faster: the next interval will do.
            if commit(attempt) { instances[index].shares.wrote(write, at: now) }
        }
        instances[index].shares.renewed(until: list.start + Self.lifetime, at: now)
    }

    private mutating func commit(_ late: Late) -> Bool {
        guard records[late.id] != nil else { return false }
        switch late.write {
        case .lower: guard records[late.id]!.revision == late.seen.own else { return false }
        case .raise: guard records.values.allSatisfy({ $0.revision <= late.seen.all }) else { return false }
        }
        revision += 1
        records[late.id]!.share = late.write.share
        records[late.id]!.revision = revision
        return true
    }
}
