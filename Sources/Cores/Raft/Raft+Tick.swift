// Time, in ticks.
extension Raft {
    /// One unit of time has passed: the unit of every `…Ticks` of the options.
    public mutating func tick() {
        ticks += 1
        electionElapsed += 1
        isCommitWriteDue = true
        if role == .leader { tickAsLeader() } else { tickAsFollower() }
    }

    private mutating func tickAsFollower() {
        // Any more makes no difference, and it must not overflow.
        ticksSinceLeader = min(ticksSinceLeader + 1, options.electionTicks)
        expireForwardedReads()
        if electionElapsed >= electionTimeout {
            drawElectionTimeout()
            campaign()
        }
    }

    private mutating func tickAsLeader() {
        if isDiskStalled { return stepDownForStalledDisk() }
        tickTransfer()
        tickSnapshotTransfers()
        if electionElapsed >= options.electionTicks {
            electionElapsed = 0
            if options.checkQuorum, !hasActiveQuorum() { return becomeFollower(in: term, leader: nil) }
            if !isWritable { handOver() }
        }
        heartbeatElapsed += 1
        if heartbeatElapsed >= options.heartbeatTicks {
            heartbeatElapsed = 0
            heartbeat()
        }
    }

    /// Whether a majority was heard of since the last count (dissertation, section 6.2).
    private mutating func hasActiveQuorum() -> Bool {
        let active = Quorum.agreed(peers) { $0.id == id || $0.isRecentlyActive ? 1 : 0 }
        for place in peers.indices {
            // Who is silent keeps no snapshot from being deleted.
            if !peers[place].isRecentlyActive, peers[place].transfer != nil { peers[place].probe(from: .zero) }
            peers[place].isRecentlyActive = false
        }
        return active >= 1
    }

    /// A leader whose disk hangs still sends heartbeats and would lead for ever, to nowhere. Its followers have what it
    /// sent them: the one that has most of it takes over.
    private mutating func stepDownForStalledDisk() {
        if let heir { send(.timeoutNow, to: heir) }
        becomeFollower(in: term, leader: nil)
    }
}
