import ApusPrimitives
import ApusRaft

/// What happens in a cluster, in words that a person can review.
enum Story {
    static func lines(_ ready: Ready, of node: NodeID) -> [String] {
        var lines: [String] = []
        if let standing = ready.standing { lines.append("\(node) is \(text(standing))") }
        if let write = ready.write { lines.append("\(node) writes \(text(write))") }
        if let restore = ready.restore { lines.append("\(node) restores \(text(restore))") }
        if !ready.committed.isEmpty { lines.append("\(node) applies \(text(ready.committed))") }
        for read in ready.reads { lines.append("\(node) may read \(read.id.rawValue) at \(read.index)") }
        for id in ready.refusedReads { lines.append("\(node) refuses to read \(id.rawValue)") }
        return lines
    }

    static func text(_ message: Message) -> String {
        "\(message.from) -> \(message.to) term \(message.term): \(text(message.body))"
    }

    static func text(_ standing: Standing) -> String {
        let leader = standing.leader.map { ", led by \($0)" } ?? ""
        return "\(standing.role) in term \(standing.term)" + (standing.role == .leader ? "" : leader)
    }

    static func text(_ entries: [Entry]) -> String {
        guard entries.count > 4 else { return entries.map(text).joined(separator: ", ") }
        return "\(text(entries[0])) … \(text(entries[entries.count - 1])) (\(entries.count))"
    }

    static func text(_ configuration: Configuration) -> String {
        func list(_ ids: [NodeID]) -> String { ids.map(\.description).joined(separator: " ") }
        var text = "(\(list(configuration.voters))"
        if configuration.isJoint { text += " | \(list(configuration.outgoingVoters))" }
        if !configuration.learners.isEmpty { text += ", learners \(list(configuration.learners))" }
        if !configuration.nextLearners.isEmpty { text += ", then learners \(list(configuration.nextLearners))" }
        return text + (configuration.leaving == .explicit ? ", stays)" : ")")
    }

    private static func text(_ entry: Entry) -> String {
        switch entry.payload {
        case .empty: "\(entry.index)@\(entry.term)"
        case .command(let bytes): "\(entry.index)@\(entry.term) \(bytes.text)"
        case .configuration(let configuration, _): "\(entry.index)@\(entry.term) \(text(configuration))"
        }
    }

    private static func text(_ write: Write) -> String {
        var parts: [String] = []
        if let state = write.hardState {
            let vote = state.votedFor.map { " vote \($0)" } ?? ""
            parts.append("term \(state.term)\(vote) commit \(state.commitIndex)")
        }
        if !write.entries.isEmpty { parts.append(text(write.entries)) }
        if let chunk = write.chunk { parts.append(text(chunk)) }
        return "#\(write.sequence): " + parts.joined(separator: "; ") + (write.mustSync ? "" : " (no sync)")
    }

    private static func text(_ snapshot: SnapshotMetadata) -> String {
        "snapshot \(snapshot.index)@\(snapshot.term) \(text(snapshot.configuration))"
    }

    private static func text(_ chunk: SnapshotChunk) -> String {
        let end = chunk.offset + UInt64(chunk.bytes.count)
        return "\(text(chunk.snapshot)) of \(chunk.source), bytes \(chunk.offset) to \(end)"
            + (chunk.isLast ? ", the last" : "")
    }

    private static func text(_ body: Message.Body) -> String {
        switch body {
        case .voteRequest(let index, let term, let isTransfer):
            "vote? last \(index)@\(term)" + (isTransfer ? ", for a transfer" : "")
        case .vote(let granted): granted ? "vote" : "no vote"
        case .preVoteRequest(let index, let term): "pre-vote? last \(index)@\(term)"
        case .preVote(let granted): granted ? "pre-vote" : "no pre-vote"
        case .append(let index, let term, let entries, let commit):
            "append after \(index)@\(term) [\(text(entries))] commit \(commit)"
        case .appendAccepted(let index): "has up to \(index)"
        case .appendRejected(let index, let hint, let hintTerm): "rejects \(index), at most \(hint)@\(hintTerm)"
        case .heartbeat(let commit, let round): "heartbeat \(round) commit \(commit)"
        case .heartbeatAnswer(let round): "heard \(round)"
        case .snapshot(let chunk): text(chunk)
        case .snapshotProgress(let index, let offset): "snapshot \(index): go on at \(offset)"
        case .timeoutNow: "campaign now"
        case .proposal(let commands): "propose \(commands.map(\.text).joined(separator: " "))"
        case .readRequest: "read index?"
        case .readAnswer(_, let index): index.map { "read at \($0)" } ?? "no read"
        }
    }

    static func text(_ status: Status) -> [String] {
        var lines = [
            "\(status.id) is \(text(status.standing)): log \(status.firstIndex) to \(status.lastIndex), "
                + "on disk \(status.durableIndex), commit \(status.commitIndex), applied \(status.appliedIndex), "
                + text(status.configuration)
        ]
        for peer in status.peers where peer.id != status.id {
            var line = "  \(peer.id) \(peer.state): match \(peer.matchIndex), next \(peer.nextIndex)"
            if peer.inflightMessages > 0 { line += ", \(peer.inflightMessages) under way" }
            lines.append(line)
        }
        return lines
    }
}
