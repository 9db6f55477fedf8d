import ApusPrimitives
import ApusResilience

/// Users, a client and its servers, moment by moment: `run` is a pure function of the scenario.
///
/// The policies are the real ones, asked as `ResiliencePolicy` asks them: retry with its budget, then hedge, breaker and
/// attempt timeout; the limit is on the server. A server's refusal costs it nothing, and the network takes no time.
struct Simulation {
    enum Event {
        case arrival
        /// A user asks; `reloads` times before in vain.
        case request(reloads: Int)
        case attempt(call: Int)
        case extraCall(call: Int, group: Int)
        case timeout(attempt: Int)
        case done(server: Int, SimulatedServer.Job)
        case failed(attempt: Int)
        case fault(Int, begins: Bool)
    }

    struct Call {
        let started: MonotonicTime
        let reloads: Int
        let priority: RequestPriority
        var isOver = false
        /// Attempts of the retry, from 1; each may be several calls of a hedge.
        var group = 0
        var groupStarted = MonotonicTime.zero
        var groupSize = 0
        var running: [Int] = []
        var wait = Duration.zero
    }

    struct Attempt {
        let call: Int
        let server: Int
        let number: Int
        let permit: CircuitBreaker.Permit?
        var isOver = false
        /// Its place at the server, until a worker takes it up.
        var place: ConcurrencyLimit.Permit?
    }

    /// How an attempt failed.
    enum Failure {
        case timedOut, failed
        case refused(ResilienceError)
    }

    let scenario: Scenario
    var queue = EventQueue<Event>()
    var now = MonotonicTime.zero
    var servers: [SimulatedServer]
    var breakers: [CircuitBreaker]
    var budget: RetryBudget?
    var hedge: Hedge?
    var calls: [Call] = []
    var attempts: [Attempt] = []
    var record: SimulationRecord
    /// Each part has its own, so that the same users come whatever the policies do.
    var users: SeededRandom
    var client: SeededRandom

    init(_ scenario: Scenario) {
        self.scenario = scenario
        var random = SeededRandom(seed: scenario.seed)
        users = random.split()
        client = random.split()
        servers = (0..<scenario.servers).map { _ in
            SimulatedServer(
                limit: scenario.policies.limit.map { ConcurrencyLimit(configuration: $0) }, random: random.split())
        }
        breakers =
            scenario.policies.breaker.map { settings in
                (0..<scenario.servers).map { _ in CircuitBreaker(configuration: settings) }
            } ?? []
        budget = scenario.policies.budget.map { RetryBudget(configuration: $0) }
        hedge = scenario.policies.hedge.map { Hedge(configuration: $0) }
        record = SimulationRecord(length: scenario.length)
    }

    static func run(_ scenario: Scenario) -> SimulationRecord {
        var simulation = Simulation(scenario)
        simulation.run()
        return simulation.record
    }

    mutating func run() {
        begin()
        let end = MonotonicTime.zero + scenario.length
        while let (time, event) = queue.next(), time <= end {
            now = time
            handle(event)
        }
        record.longestQueue = servers.map(\.longestQueue).max() ?? 0
        record.work = servers.reduce(.zero) { $0 + $1.work }
    }

    private mutating func begin() {
        for (index, fault) in scenario.faults.enumerated() {
            queue.schedule(.fault(index, begins: true), at: .zero + fault.start)
            queue.schedule(.fault(index, begins: false), at: .zero + fault.end)
        }
        switch scenario.load {
        case .open: queue.schedule(.arrival, at: .zero)
        case .closed(let count, let thinking):
            for _ in 0..<count {
                let first = users.exponential(mean: thinking.seconds)
                queue.schedule(.request(reloads: 0), at: .zero + .seconds(first))
            }
        }
    }

    private mutating func handle(_ event: Event) {
        switch event {
        case .arrival:
            guard case .open(let rate) = scenario.load else { return }
            startCall(reloads: 0)
            queue.schedule(.arrival, at: now + .seconds(users.exponential(mean: 1 / rate)))
        case .request(let reloads): startCall(reloads: reloads)
        case .attempt(let call): startGroup(call)
        case .extraCall(let call, let group): startExtraCall(call, group)
        case .timeout(let attempt): fail(attempt, .timedOut)
        case .done(let server, let job): finish(job, on: server)
        case .failed(let attempt): fail(attempt, .failed)
        case .fault(let index, let begins):
            let fault = scenario.faults[index]
            for server in servers.indices where server < fault.servers {
                servers[server].fault = begins ? fault.kind : nil
                work(on: server)
            }
        }
    }
}
