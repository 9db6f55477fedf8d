import ApusPrimitives

// Messages, and what they do to the term (Raft, section 5.1).
extension Raft {
    /// Takes a message. Those that are late, doubled, for somebody else or make no sense change nothing.
    public mutating func step(_ message: Message) {
        guard message.to == id, message.from != id, message.isPlausible else { return }
        switch message.body {
        // These speak of a term that nobody is in yet.
        case .preVoteRequest(let lastIndex, let lastTerm):
            return answerPreVote(message, lastIndex: lastIndex, lastTerm: lastTerm)
        case .preVote(granted: true):
            return countPreVote(from: message.from, for: message.term, isGranted: true)
        default: break
        }
        if message.term < term { return answerFromLaterTerm(message) }
        if message.term > term {
            // Whoever hears from a leader does not let a candidate disturb it (dissertation, section 4.2.3).
            if case .voteRequest(_, _, isTransfer: false) = message.body, isLoyal { return }
            becomeFollower(in: message.term, leader: nil)
        }
        dispatch(message)
    }

    private mutating func dispatch(_ message: Message) {
        let from = message.from
        switch message.body {
        case .append, .heartbeat, .snapshot, .timeoutNow:
            if hear(from: from) { dispatchFromLeader(message) }
        case .voteRequest(let lastIndex, let lastTerm, let isTransfer):
            answerVote(from: from, lastIndex: lastIndex, lastTerm: lastTerm, isTransfer: isTransfer)
        case .vote(let granted): countVote(from: from, isGranted: granted)
        case .preVote(let granted): countPreVote(from: from, for: term.next, isGranted: granted)
        case .appendAccepted(let lastIndex): appendAccepted(by: from, lastIndex: lastIndex)
        case .appendRejected(let rejected, let hint, let hintTerm):
            appendRejected(by: from, rejectedIndex: rejected, hintIndex: hint, hintTerm: hintTerm)
        case .heartbeatAnswer(let round): heartbeatAnswered(by: from, round: round)
        case .snapshotProgress(let index, let nextOffset):
            snapshotProgressed(at: from, index: index, nextOffset: nextOffset)
        case .proposal(let commands): takeForwarded(commands)
        case .readRequest(let ticket): takeReadRequest(from: from, ticket: ticket)
        case .readAnswer(let ticket, let index): readAnswered(ticket: ticket, index: index)
        case .preVoteRequest: break
        }
    }

    private mutating func dispatchFromLeader(_ message: Message) {
        switch message.body {
        case .append(let previousIndex, let previousTerm, let entries, let commitIndex):
            takeAppend(
                from: message.from, previousIndex: previousIndex, previousTerm: previousTerm, entries: entries,
                leaderCommit: commitIndex)
        case .heartbeat(let commitIndex, let round):
            commit(through: min(commitIndex, log.lastIndex))
            send(.heartbeatAnswer(round: round), to: message.from)
        case .snapshot(let chunk): takeChunk(chunk, from: message.from)
        case .timeoutNow: campaignForTransfer()
        default: break
        }
    }

    /// "Reply false if term < currentTerm" (figure 2): who lags behind learns the term from the answer.
    private mutating func answerFromLaterTerm(_ message: Message) {
        switch message.body {
        case .append(let previousIndex, _, _, _):
            send(
                .appendRejected(rejectedIndex: previousIndex, hintIndex: .zero, hintTerm: .zero), to: message.from)
        case .heartbeat, .snapshot: send(.heartbeatAnswer(round: 0), to: message.from)
        case .voteRequest: send(.vote(granted: false), to: message.from)
        default: break
        }
    }
}

extension Message {
    /// Beyond it nothing real lies, and a little arithmetic cannot overflow.
    private static let horizon: UInt64 = 1 << 62

    /// Whether a node that keeps the rules could have sent it. Also keeps numbers in a range that can be reckoned with.
    var isPlausible: Bool {
        guard term.rawValue < Self.horizon, from.rawValue != 0 else { return false }
        switch body {
        case .append(let previousIndex, let previousTerm, let entries, _):
            var index = previousIndex
            var last = previousTerm
            for entry in entries {
                guard entry.index == index.next, entry.term >= last else { return false }
                index = entry.index
                last = entry.term
            }
            return index.rawValue < Self.horizon && last <= term
        case .snapshot(let chunk):
            return chunk.offset < Self.horizon && chunk.snapshot.index.rawValue < Self.horizon
                && chunk.snapshot.term <= term && chunk.snapshot.index > .zero
                && (chunk.isLast || !chunk.bytes.isEmpty)
        case .voteRequest(_, let lastTerm, _): return lastTerm < term
        case .appendRejected(let rejectedIndex, let hintIndex, _): return hintIndex <= rejectedIndex
        case .snapshotProgress(_, let nextOffset): return nextOffset < Self.horizon
        default: return true
        }
    }
}
