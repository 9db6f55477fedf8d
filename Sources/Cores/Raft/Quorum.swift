/// What a majority says. Of nobody it says everything: in a configuration that is not joint the outgoing half never
/// stands in the way.
enum Quorum {
    enum Verdict: Hashable {
        case won
        case lost
        case pending
    }

    static func majority(of count: Int) -> Int { count / 2 + 1 }

    /// The largest value that a majority of `values` reaches; sorts them. No heap is touched.
    static func agreed(_ values: UnsafeMutableBufferPointer<UInt64>) -> UInt64 {
        guard !values.isEmpty else { return .max }
        // Insertion: there are seven, seldom more.
        for place in 1..<max(1, values.count) {
            let value = values[place]
            var hole = place
            while hole > 0, values[hole - 1] > value {
                values[hole] = values[hole - 1]
                hole -= 1
            }
            values[hole] = value
        }
        return values[values.count - majority(of: values.count)]
    }

    /// The largest value that both halves of the configuration reach (Raft, section 6).
    static func agreed(_ peers: [Progress], _ value: (Progress) -> UInt64) -> UInt64 {
        withUnsafeTemporaryAllocation(of: UInt64.self, capacity: max(1, peers.count)) { buffer in
            func half(_ belongs: (Progress) -> Bool) -> UInt64 {
                var count = 0
                for place in peers.indices where belongs(peers[place]) {
                    buffer.initializeElement(at: count, to: value(peers[place]))
                    count += 1
                }
                return agreed(UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
            }
            return min(half { $0.isVoter }, half { $0.isOutgoingVoter })
        }
    }

    static func verdict(of voters: [NodeID], _ vote: (NodeID) -> Bool?) -> Verdict {
        guard !voters.isEmpty else { return .won }
        var granted = 0
        var refused = 0
        for voter in voters {
            switch vote(voter) {
            case true?: granted += 1
            case false?: refused += 1
            case nil: break
            }
        }
        if granted >= majority(of: voters.count) { return .won }
        return voters.count - refused < majority(of: voters.count) ? .lost : .pending
    }

    /// Won when both halves are, lost when one is.
    static func verdict(of configuration: Configuration, _ vote: (NodeID) -> Bool?) -> Verdict {
        let incoming = verdict(of: configuration.voters, vote)
        let outgoing = verdict(of: configuration.outgoingVoters, vote)
        if incoming == .lost || outgoing == .lost { return .lost }
        return incoming == .won && outgoing == .won ? .won : .pending
    }
}
