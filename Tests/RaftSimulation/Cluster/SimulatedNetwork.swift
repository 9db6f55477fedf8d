import ApusPrimitives

/// Which links are cut, and how long a message takes on those that are not.
struct SimulatedNetwork {
    private var plan: FaultPlan
    private var random: SeededRandom
    private let size = FaultPlan.maximumNodes
    /// How many cuts are in force on each link, from × to.
    private var cuts: [Int]
    /// Until when each link keeps what is sent on it.
    private var heldUntil: [UInt64]
    /// When the last message on each link arrives, for links that keep the order.
    private var lastArrival: [UInt64]

    init(plan: FaultPlan, random: SeededRandom) {
        self.plan = plan
        self.random = random
        cuts = Array(repeating: 0, count: size * size)
        heldUntil = Array(repeating: 0, count: size * size)
        lastArrival = Array(repeating: 0, count: size * size)
    }

    /// When copies of a message arrive; none when it is lost.
    mutating func arrivals(from: Int, to: Int, at now: UInt64) -> (first: UInt64?, second: UInt64?) {
        let link = from * size + to
        if cuts[link] > 0 || random.chance(perMille: plan.dropPerMille) { return (nil, nil) }
        let first = arrival(on: link, at: now)
        guard random.chance(perMille: plan.doublePerMille) else { return (first, nil) }
        return (first, arrival(on: link, at: now))
    }

    private mutating func arrival(on link: Int, at now: UInt64) -> UInt64 {
        var time = now + random.number(plan.delay)
        if random.chance(perMille: plan.longDelayPerMille) { time += random.below(plan.longDelay) }
        if time < heldUntil[link] { time = heldUntil[link] + random.below(2_000) }
        if plan.keepsOrder {
            time = max(time, lastArrival[link] + 1)
            lastArrival[link] = time
        }
        return time
    }

    /// The links of a cut that somebody draws: one node from the others, or a group from the others, or one link; in one
    /// direction or both. Who leads is cut off more often than others.
    mutating func drawCut(nodes: Int, leader: Int?) -> [Int] {
        let isOneWay = random.oneIn(3)
        var inside = Set<Int>()
        switch random.below(6) {
        case 0: inside = [random.below(nodes)]
        case 1, 2: inside = [leader ?? random.below(nodes)]
        case 3:
            let from = leader ?? random.below(nodes)
            let to = random.below(nodes)
            return isOneWay ? [from * size + to] : [from * size + to, to * size + from]
        default: for node in 0..<nodes where random.oneIn(2) { inside.insert(node) }
        }
        var links: [Int] = []
        for from in 0..<nodes {
            for to in 0..<nodes where from != to && inside.contains(from) != inside.contains(to) {
                if !isOneWay || inside.contains(from) { links.append(from * size + to) }
            }
        }
        return links
    }

    mutating func cut(_ links: [Int]) {
        for link in links { cuts[link] += 1 }
    }

    mutating func mend(_ links: [Int]) {
        for link in links where cuts[link] > 0 { cuts[link] -= 1 }
    }

    /// The links to `node` from all others.
    func links(to node: Int, nodes: Int) -> [Int] {
        (0..<nodes).filter { $0 != node }.map { $0 * size + node }
    }

    func ends(of link: Int) -> (from: Int, to: Int) { (link / size, link % size) }

    /// What is sent on these links arrives after `time`.
    mutating func hold(_ links: [Int], until time: UInt64) {
        for link in links { heldUntil[link] = max(heldUntil[link], time) }
    }

    /// Nothing is lost or late any more.
    mutating func heal(_ plan: FaultPlan) {
        self.plan = plan
        cuts = Array(repeating: 0, count: size * size)
    }
}
