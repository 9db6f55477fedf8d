import ApusPrimitives
import ApusRaft

extension Message {
    /// For transcripts.
    var text: String { "\(from)→\(to) term \(term) \(body.text)" }

    /// What the fingerprint has of a message.
    func mix(into hash: inout Fingerprint) {
        hash.mix(from.rawValue << 32 | to.rawValue)
        hash.mix(term.rawValue)
        switch body {
        case .append(let previousIndex, _, let entries, let commitIndex):
            hash.mix(previousIndex.rawValue << 20 | UInt64(entries.count))
            hash.mix(commitIndex.rawValue)
        case .appendAccepted(let lastIndex): hash.mix(lastIndex.rawValue)
        case .appendRejected(let rejectedIndex, let hintIndex, _):
            hash.mix(rejectedIndex.rawValue << 32 | hintIndex.rawValue)
        case .vote(let granted): hash.mix(granted ? 1 : 2)
        case .preVote(let granted): hash.mix(granted ? 3 : 4)
        case .voteRequest(let lastIndex, _, _): hash.mix(lastIndex.rawValue)
        case .heartbeat(let commitIndex, let round): hash.mix(commitIndex.rawValue << 32 | round)
        case .snapshot(let chunk): hash.mix(chunk.offset << 20 | chunk.snapshot.index.rawValue)
        default: hash.mix(5)
        }
    }
}

extension Message.Body {
    fileprivate var text: String {
        switch self {
        case .voteRequest(let index, let term, let isTransfer):
            "asks for a vote\(isTransfer ? " for a transfer" : ""), log up to \(index) of term \(term)"
        case .vote(let granted): granted ? "votes for it" : "does not vote for it"
        case .preVoteRequest(let index, let term): "would campaign, log up to \(index) of term \(term)"
        case .preVote(let granted): granted ? "would vote for it" : "would not vote for it"
        case .append(let index, let term, let entries, let commit):
            "append after \(index) of term \(term): \(entries.text), commit \(commit)"
        case .appendAccepted(let index): "accepts up to \(index)"
        case .appendRejected(let rejected, let hint, let term):
            "rejects after \(rejected), hint \(hint) of term \(term)"
        case .heartbeat(let commit, let round): "heartbeat \(round), commit \(commit)"
        case .heartbeatAnswer(let round): "answers heartbeat \(round)"
        case .snapshot(let chunk): chunk.text
        case .snapshotProgress(let index, let offset): "has \(offset) bytes of the snapshot of \(index)"
        case .timeoutNow: "campaign now"
        case .proposal(let commands): "\(commands.count) commands"
        case .readRequest(let id): "asks for read \(id.rawValue)"
        case .readAnswer(let id, let index): "read \(id.rawValue) at \(index?.description ?? "nothing")"
        }
    }
}

extension SnapshotChunk {
    fileprivate var text: String {
        "bytes \(offset)..<\(offset + UInt64(bytes.count)) of the snapshot of \(snapshot.index) from \(source)\(isLast ? ", the last" : "")"
    }
}

extension [Entry] {
    fileprivate var text: String {
        map { entry in
            switch entry.payload {
            case .empty: "\(entry.index)/\(entry.term) empty"
            case .command: "\(entry.index)/\(entry.term)"
            case .configuration(let configuration, _): "\(entry.index)/\(entry.term) \(configuration.text)"
            }
        }.joined(separator: " ")
    }
}

extension Write {
    var text: String {
        var parts = ["\(sequence)"]
        if let hardState {
            let vote = hardState.votedFor.map { ", vote for \($0)" } ?? ""
            parts.append("term \(hardState.term)\(vote), commit \(hardState.commitIndex)")
        }
        if !entries.isEmpty { parts.append("entries \(entries.text)") }
        if let chunk { parts.append(chunk.text) }
        return parts.joined(separator: "; ") + (mustSync ? "" : "; without sync")
    }
}

extension ConfigurationChange {
    var text: String {
        guard !steps.isEmpty else { return "leaving the joint configuration" }
        let names = steps.map { step in
            switch step {
            case .addVoter(let node): "voter \(node)"
            case .addLearner(let node): "learner \(node)"
            case .remove(let node): "without \(node)"
            }
        }
        return names.joined(separator: ", ") + (leaving == .explicit ? ", staying joint" : "")
    }
}
