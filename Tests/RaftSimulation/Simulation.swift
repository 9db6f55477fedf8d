import ApusPrimitives
import ApusRaft

/// A cluster, its clients and its troubles in one thread, all from one seed: the same seed and plan do the same, event by event,
/// in every process.
///
/// A safety phase in which everything of the plan goes wrong, then a liveness phase without faults in which the cluster must agree
/// and answer everybody. `Judge` checks after every step.
public final class Simulation {
    enum Event {
        case tick(Int, life: Int)
        case deliver(Int)
        case drain(Int, life: Int)
        case diskDone(Int, life: Int)
        case apply(Int, life: Int)
        case chunk(Int, life: Int, slot: Int)
        case snapshotWritten(Int, life: Int)
        case restart(Int)
        case begin(client: Int)
        case request(client: Int, attempt: Int, node: Int)
        case answer(client: Int, sequence: UInt32, output: UInt64, node: Int)
        case refused(client: Int, attempt: Int, leader: Int?)
        case timeout(client: Int, attempt: Int)
        case trouble(Trouble)
        case mend(slot: Int)
        case campaign(Int)
        case roomAgain(Int, life: Int)
        case probe(Int, life: Int)
        case endOfFaults
        case look
    }

    enum Trouble: UInt64 {
        case cut, crash, fullDisk, jump, memberChange, transfer, load, coup
    }

    let seed: UInt64
    var plan: FaultPlan
    var now: UInt64 = 0
    var queue = EventQueue<Event>()
    var nodes: [SimulatedNode] = []
    var network: SimulatedNetwork
    var judge: Judge
    var clients: [SimulatedClient]
    var history: [Operation] = []
    /// The numbers of the writes that some state machine did; each is of one operation.
    var happened: Set<UInt64> = []
    var fingerprint = Fingerprint()
    var statistics = Statistics()
    var hasConverged = false
    var isHealed = false

    var messages = Slots<Message>()
    var chunkRequests = Slots<Ready.ChunkRequest>()
    var cuts = Slots<[Int]>()
    var nextRead: UInt64 = 0
    var nextLoad: UInt32 = 0

    // One generator for each part, so that a fault that is left out does not change what the others draw.
    var nodeRandom: SeededRandom
    var diskRandom: SeededRandom
    var crashRandom: SeededRandom
    var clientRandom: SeededRandom
    var troubleRandom: SeededRandom
    var clockRandom: SeededRandom

    private let keepsTranscript: Bool
    private var transcript: [String] = []

    init(seed: UInt64, plan: FaultPlan, transcript: Bool) {
        self.seed = seed
        self.plan = plan
        keepsTranscript = transcript
        var random = SeededRandom(seed: seed)
        network = SimulatedNetwork(plan: plan, random: random.split())
        nodeRandom = random.split()
        diskRandom = random.split()
        crashRandom = random.split()
        clientRandom = random.split()
        troubleRandom = random.split()
        clockRandom = random.split()
        let ids = (1...plan.voters + plan.learners).map { NodeID(UInt64($0)) }
        let first = Configuration(voters: ids.prefix(plan.voters), learners: ids.dropFirst(plan.voters))
        judge = Judge(first: first)
        clients = Array(repeating: SimulatedClient(), count: plan.clients)
        for _ in ids { addNode(first: first) }
    }

    /// Runs `seed` under `plan` from beginning to end.
    public static func run(seed: UInt64, plan: FaultPlan, transcript: Bool = false) -> SimulationResult {
        let simulation = Simulation(seed: seed, plan: plan, transcript: transcript)
        var broken: Broken?
        do {
            try simulation.run()
        } catch {
            broken = error
            simulation.note(nil, "BROKEN \(error)")
        }
        return SimulationResult(
            seed: seed, broken: broken, fingerprint: simulation.fingerprint.value, statistics: simulation.statistics,
            transcript: simulation.transcript)
    }

    public static func run(seed: UInt64) -> SimulationResult {
        run(seed: seed, plan: FaultPlan(seed: seed))
    }

    private func run() throws(Broken) {
        note(nil, "seed \(seed): \(judge.configurations[0].configuration.text)")
        for node in nodes { try start(node) }
        for client in clients.indices { schedule(.begin(client: client), after: clientRandom.below(50_000)) }
        scheduleTroubles()
        schedule(.endOfFaults, after: plan.safetyTime)
        while !hasConverged, let (time, event) = queue.next() {
            now = time
            statistics.events += 1
            if now > plan.safetyTime + plan.livenessTime { throw Broken(.liveness, stuck()) }
            fingerprint.mix(now)
            try handle(event)
        }
        statistics.virtualTime = now
        try checkHistory()
    }

    private func handle(_ event: Event) throws(Broken) {
        switch event {
        case .tick(let index, let life): try tick(nodes[index], life)
        case .deliver(let slot): try deliver(messages.take(slot))
        case .drain(let index, let life):
            guard nodes[index].life == life else { return }
            nodes[index].hasDrainScheduled = false
            try drain(nodes[index])
        case .diskDone(let index, let life): try diskDone(nodes[index], life)
        case .apply(let index, let life): try apply(nodes[index], life)
        case .chunk(let index, let life, let slot): try readChunk(nodes[index], life, chunkRequests.take(slot))
        case .snapshotWritten(let index, let life): try snapshotWritten(nodes[index], life)
        case .restart(let index): try restart(nodes[index])
        case .begin(let client): begin(client)
        case .request(let client, let attempt, let index): try request(client, attempt, nodes[index])
        case .answer(let client, let sequence, let output, let index): answered(client, sequence, output, by: index)
        case .refused(let client, let attempt, let leader): refused(client, attempt, leader)
        case .timeout(let client, let attempt): timedOut(client, attempt)
        case .trouble(let trouble): try cause(trouble)
        case .mend(let slot): try mend(cuts.take(slot))
        case .campaign(let index): try campaign(nodes[index])
        case .roomAgain(let index, let life): try roomAgain(nodes[index], life)
        case .probe(let index, let life): try probe(nodes[index], life)
        case .endOfFaults: try heal()
        case .look: try look()
        }
    }

    func schedule(_ event: Event, after delay: UInt64) {
        queue.schedule(event, at: now + delay)
    }

    /// Costs nothing when nobody reads it.
    func note(_ node: SimulatedNode?, _ text: @autoclosure () -> String) {
        guard keepsTranscript else { return }
        let time = Virtual.text(now)
        let padding = String(repeating: " ", count: max(0, 13 - time.count))
        transcript.append("\(padding)\(time)  \(node.map { "n\($0.id)" } ?? "--")  \(text())")
    }

    private func checkHistory() throws(Broken) {
        statistics.operations = history.count
        // What has no answer and is in no state machine never happened; who saw it nevertheless is accused.
        let seen = history.filter { operation in
            switch operation.input {
            case .read: operation.output != nil
            case .write(let value), .mix(let value): operation.output != nil || happened.contains(value)
            }
        }
        switch LinearizabilityChecker(stepLimit: 200_000).check(seen) {
        case .linearizable: return
        case .unknown: statistics.unknownHistories += 1
        case .violated(let key, let operation):
            for operation in history where operation.key == key { note(nil, "history  \(operation)") }
            throw Broken(.linearizable, "no order of operations explains: \(operation)")
        }
    }
}
