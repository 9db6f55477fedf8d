import ApusPrimitives
import ApusRaft

/// Writes that end, snapshots that are written and read.
extension Simulation {
    func submit(_ write: Write, on node: SimulatedNode) {
        note(node, "writes \(write.text)")
        node.disk.submit(write)
        startWriting(node)
    }

    private func startWriting(_ node: SimulatedNode) {
        guard node.disk.start() else { return }
        var time = diskRandom.number(plan.writeTime)
        if diskRandom.chance(perMille: plan.stallPerMille) { time += diskRandom.below(plan.stallTime) }
        schedule(.diskDone(node.index, life: node.life), after: time)
    }

    func diskDone(_ node: SimulatedNode, _ life: Int) throws(Broken) {
        guard node.life == life else { return }
        if node.isBlocked {
            // No room: the write waits.
            schedule(.diskDone(node.index, life: life), after: 5_000)
            return
        }
        if diskRandom.chance(perMille: plan.diskErrorPerMille) {
            note(node, "has a disk that fails")
            try crash(node)
            return
        }
        var sequence: UInt64?
        let before = node.disk.image.snapshot?.metadata.index
        try guarded(node) { () throws(Broken) in sequence = try node.disk.finish() }
        if node.disk.image.snapshot?.metadata.index != before { statistics.snapshotsReceived += 1 }
        if let sequence {
            note(node, "has written up to write \(sequence)")
            node.raft?.persisted(through: sequence)
        }
        startWriting(node)
        try settle(node)
    }

    func roomAgain(_ node: SimulatedNode, _ life: Int) throws(Broken) {
        guard node.life == life, node.isUp else { return }
        note(node, "has room on its disk again")
        node.isBlocked = false
        node.raft?.storageBecame(writable: true)
        try settle(node)
    }

    // MARK: Snapshots

    func takeSnapshotIfDue(_ node: SimulatedNode) throws(Broken) {
        let last = node.disk.image.snapshot?.metadata.index ?? .zero
        guard plan.snapshotEntries > 0, node.store.index > last, node.store.index - last >= plan.snapshotEntries
        else { return }
        try takeSnapshot(node)
    }

    func takeSnapshot(_ node: SimulatedNode) throws(Broken) {
        let last = node.disk.image.snapshot?.metadata.index ?? .zero
        guard node.snapshotUnderWay == nil, node.store.index > last,
            let metadata = node.raft?.snapshotMetadata(at: node.store.index)
        else { return }
        try judge.check(metadata, of: node)
        node.snapshotUnderWay = Snapshot(
            metadata: metadata, source: node.id,
            bytes: node.store.encoded(padding: plan.snapshotPadding, salt: node.id.rawValue))
        schedule(.snapshotWritten(node.index, life: node.life), after: 3 * diskRandom.number(plan.writeTime))
    }

    func snapshotWritten(_ node: SimulatedNode, _ life: Int) throws(Broken) {
        guard node.life == life, let snapshot = node.snapshotUnderWay else { return }
        node.snapshotUnderWay = nil
        statistics.snapshotsTaken += 1
        note(node, "has taken a snapshot of \(snapshot.metadata.index)")
        node.disk.keep(snapshot)
        node.raft?.snapshotTaken(snapshot.metadata)
        try settle(node)
    }

    /// Files that nobody needs any more.
    func dropSnapshots(_ node: SimulatedNode) {
        guard node.disk.files.count > 1, let inUse = node.raft?.snapshotsInUse else { return }
        let newest = node.disk.image.snapshot?.metadata.index
        node.disk.files = node.disk.files.filter { index, file in
            index == newest || inUse.contains(file.metadata)
                || node.work.contains {
                    if case .restore(file.metadata) = $0 { true } else { false }
                }
        }
    }

    func readChunk(_ node: SimulatedNode, _ life: Int, _ request: Ready.ChunkRequest) throws(Broken) {
        guard node.life == life, node.isUp else { return }
        if let file = node.disk.files[request.snapshot.index], file.metadata == request.snapshot,
            request.offset <= UInt64(file.bytes.count)
        {
            let end = min(file.bytes.count, Int(request.offset) + max(1, request.maximumBytes))
            node.raft?.chunkRead(
                request, bytes: Bytes(file.bytes[Int(request.offset)..<end]), isLast: end == file.bytes.count)
        } else {
            note(node, "does not have the snapshot of \(request.snapshot.index)")
            node.raft?.chunkUnavailable(request)
        }
        try settle(node)
    }

    func restore(_ snapshot: Snapshot, on node: SimulatedNode) throws(Broken) {
        guard node.store.restore(snapshot.bytes, padding: plan.snapshotPadding),
            node.store.index == snapshot.metadata.index
        else {
            throw Broken(.snapshots, "\(node.id) has a snapshot of \(snapshot.metadata.index) that is not one")
        }
        try judge.check(snapshot.metadata, of: node)
        try judge.applied(node.store, by: node.id)
    }

    // MARK: State machines

    func apply(_ node: SimulatedNode, _ life: Int) throws(Broken) {
        guard node.life == life, node.isUp else { return }
        node.isApplying = false
        let count = nodeRandom.oneIn(3) ? 1 + nodeRandom.below(node.work.count) : node.work.count
        for work in node.work.prefix(count) {
            switch work {
            case .restore(let metadata):
                guard metadata.index >= node.store.index else {
                    throw Broken(.stateMachines, "\(node.id) goes back from \(node.store.index) to \(metadata.index)")
                }
                guard let snapshot = node.disk.files[metadata.index] else {
                    throw Broken(.snapshots, "\(node.id) restores a snapshot of \(metadata.index) that is gone")
                }
                note(node, "restores the snapshot of \(snapshot.metadata.index)")
                try restore(snapshot, on: node)
            case .entry(let entry):
                try judge.applies(entry, after: node.store.index, by: node.id)
                let command = node.store.apply(entry)
                try judge.applied(node.store, by: node.id)
                if let command { answerWrite(command, node) }
                if case .write(let value)? = command?.input { happened.insert(value) }
                if case .mix(let value)? = command?.input { happened.insert(value) }
            }
        }
        node.work.removeFirst(count)
        fingerprint.mix(node.store.hash.value)
        note(node, "has applied up to \(node.store.index)")
        node.raft?.applied(through: node.store.index)
        serveReads(node)
        try takeSnapshotIfDue(node)
        scheduleWork(node)
        try settle(node)
    }
}
