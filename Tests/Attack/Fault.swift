import ApusEtcdAPI
import ApusPrimitives
import ApusResilience
import Foundation

/// What is done to a cluster, for a while.
enum Fault: String, CaseIterable, Sendable {
    /// `kill -9` of one member, started again after.
    case kill
    /// Of all at once.
    case killAll = "kill-all"
    /// SIGSTOP, then SIGCONT: to the member every clock has jumped.
    case pause
    /// The time of day of one member jumps by up to twelve hours, ahead or back, and perhaps back again.
    case clock
    /// One member and the others don't hear each other.
    case partition
    /// The others don't hear one member, but it hears them.
    case mute
    /// One member doesn't hear the others, but they hear it.
    case deafen
    /// One member's disk has no room.
    case disk
    /// Leadership is moved to another member.
    case transfer
    /// A member is removed, and a new one added in its place.
    case replace
}

/// Does one fault after the other, until it is cancelled; then everything is healed.
struct Attacker {
    let cluster: Cluster
    let faults: [Fault]
    private(set) var random: SeededRandom
    private(set) var done: [Fault: Int] = [:]
    let say: @Sendable (String) -> Void

    init(_ cluster: Cluster, faults: [Fault], seed: UInt64, say: @escaping @Sendable (String) -> Void) {
        self.cluster = cluster
        self.faults = faults
        self.say = say
        random = SeededRandom(seed: seed)
    }

    mutating func run(until end: ContinuousClock.Instant) async throws {
        while ContinuousClock.now < end {
            try await rest(500...3_000)
            guard let fault = faults.randomElement(using: &random) else { return }
            let leader = await cluster.leader()
            // Every second fault hits the leader.
            var victim = Int.random(in: 1...cluster.size, using: &random)
            if Bool.random(using: &random), let leader { victim = leader }
            say("\(fault.rawValue) \(victim)\(victim == leader ? ", who leads" : "")")
            done[fault, default: 0] += 1
            try await perform(fault, on: victim, leader: leader)
        }
    }

    private mutating func rest(_ milliseconds: ClosedRange<Int>) async throws {
        try await TimeSource.continuous.sleep(for: .milliseconds(Int.random(in: milliseconds, using: &random)))
    }

    private mutating func perform(_ fault: Fault, on victim: Int, leader: Int?) async throws {
        let others = (1...cluster.size).filter { $0 != victim }
        switch fault {
        case .kill:
            cluster[victim]?.destroy()
            try await rest(100...4_000)
            try cluster[victim]?.start()
        case .killAll:
            for number in 1...cluster.size { cluster[number]?.destroy() }
            for number in 1...cluster.size { try cluster[number]?.start() }
            try await rest(1_000...2_000)
        case .pause:
            cluster[victim]?.signal(SIGSTOP)
            try await rest(200...5_000)
            cluster[victim]?.signal(SIGCONT)
        case .clock:
            let offset = Int64.random(in: 60...43_200, using: &random)
            try cluster[victim]?.moveClock(to: Bool.random(using: &random) ? offset : -offset)
            try await rest(500...5_000)
            // Every second time it stays where it is.
            if Bool.random(using: &random) { try cluster[victim]?.moveClock(to: 0) }
        case .partition: try await cut(others.flatMap { [(victim, $0), ($0, victim)] })
        case .mute: try await cut(others.map { (victim, $0) })
        case .deafen: try await cut(others.map { ($0, victim) })
        case .disk:
            try cluster[victim]?.fillDisk()
            try await rest(1_000...4_000)
            try cluster[victim]?.emptyDisk()
            // A member that could not go on without its disk is started again, as a supervisor would.
            if cluster[victim]?.hasEnded == true { try cluster[victim]?.start() }
        case .transfer:
            guard let leader, let target = (1...cluster.size).filter({ $0 != leader }).randomElement(using: &random)
            else { return }
            let members = (try? await cluster.endpoints[leader - 1].members()) ?? []
            guard let member = members.first(where: { $0.peerUrls.contains(Server.peerURL(target)) }) else { return }
            // The leader may have changed meanwhile.
            try? await cluster.endpoints[leader - 1].moveLeader(to: member.id)
        case .replace:
            do {
                try await cluster.replace(victim)
                try await cluster.waitUntilHealthy(within: .seconds(60))
            } catch {
                say("could not replace \(victim): \(error)")
                throw error
            }
        }
    }

    private mutating func cut(_ links: [(Int, Int)]) async throws {
        for (from, to) in links { try cluster.lab.cut(from: from, to: to) }
        try await rest(1_000...6_000)
        for (from, to) in links { try cluster.lab.heal(from: from, to: to) }
    }
}
