import DequeModule

/// Linearizable reads under way at a node: as leader those that wait for a round of heartbeats, as follower those that wait
/// for the leader's answer. Reads that come together travel together.
struct ReadQueue: Sendable {
    enum Origin: Hashable, Sendable {
        case here(ReadID)
        case follower(NodeID, ticket: ReadID)
    }

    struct Round: Sendable {
        let number: UInt64
        /// What was committed when the round began.
        let index: LogIndex
        let reads: [Origin]
    }

    struct Forwarded: Sendable {
        let ticket: ReadID
        let reads: [ReadID]
        let tick: UInt64
    }

    private(set) var count = 0

    // A leader's.
    /// Came since the last round began.
    private(set) var waiting: [Origin] = []
    private var rounds: Deque<Round> = []
    /// The last round of heartbeats.
    private(set) var round: UInt64 = 0
    /// When rounds began: the first of each tick, since a lease is counted in ticks.
    private var starts: Deque<(round: UInt64, tick: UInt64)> = []
    /// The tick in which the last round began that a majority answered.
    private(set) var confirmedTick: UInt64?
    /// There will be no lease in this term: leadership was offered to another.
    var isLeaseForfeited = false

    // A follower's.
    private(set) var unsent: [ReadID] = []
    private var forwarded: Deque<Forwarded> = []
    /// Names a batch to the leader. It starts at random, so that an answer from before a restart fits none.
    private var nextTicket: UInt64

    init(firstTicket: UInt64) {
        nextTicket = firstTicket
    }

    // MARK: At the leader

    mutating func startLeading() {
        starts = []
        confirmedTick = nil
        isLeaseForfeited = false
    }

    mutating func wait(_ origin: Origin) {
        waiting.append(origin)
        count += 1
    }

    /// A new round; `index` is what reads that wait have to see, nil while that is not known.
    mutating func startRound(tick: UInt64, index: LogIndex?) -> UInt64 {
        round += 1
        if starts.last?.tick != tick { starts.append((round, tick)) }
        if let index, !waiting.isEmpty {
            rounds.append(Round(number: round, index: index, reads: waiting))
            waiting = []
        }
        return round
    }

    /// A majority answered `round`: it confirms that one and all before. `oldest`: earlier starts prove nothing any more.
    mutating func confirmed(through round: UInt64, oldest: UInt64) -> [Round] {
        while let start = starts.first, start.round <= round || start.tick < oldest {
            if start.round <= round { confirmedTick = start.tick }
            starts.removeFirst()
        }
        var done: [Round] = []
        while let first = rounds.first, first.number <= round {
            count -= first.reads.count
            done.append(first)
            rounds.removeFirst()
        }
        return done
    }

    // MARK: At a follower

    mutating func forward(_ id: ReadID) {
        unsent.append(id)
        count += 1
    }

    /// The ticket under which all that came since the last time goes to the leader.
    mutating func sendUnsent(tick: UInt64) -> ReadID {
        let ticket = ReadID(nextTicket)
        nextTicket &+= 1
        forwarded.append(Forwarded(ticket: ticket, reads: unsent, tick: tick))
        unsent = []
        return ticket
    }

    mutating func answered(_ ticket: ReadID) -> [ReadID] {
        guard let place = forwarded.firstIndex(where: { $0.ticket == ticket }) else { return [] }
        count -= forwarded[place].reads.count
        return forwarded.remove(at: place).reads
    }

    mutating func expire(before tick: UInt64) -> [ReadID] {
        var expired: [ReadID] = []
        while let first = forwarded.first, first.tick < tick {
            count -= first.reads.count
            expired += first.reads
            forwarded.removeFirst()
        }
        return expired
    }

    // MARK: Both

    /// Empties it, and returns what was there.
    mutating func abandon() -> [Origin] {
        var all = rounds.flatMap(\.reads) + waiting
        all += (forwarded.flatMap(\.reads) + unsent).map { .here($0) }
        rounds = []
        waiting = []
        forwarded = []
        unsent = []
        count = 0
        return all
    }
}
