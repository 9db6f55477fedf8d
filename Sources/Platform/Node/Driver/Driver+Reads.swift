import ApusPrimitives
import ApusRaft

/// Reads that went to the core together.
struct ReadGroup {
    let id: ReadID
    let mode: ReadMode
    let sentAt: UInt64
    let waiters: [ReadWaiter]
}

extension Driver {
    func arrived(_ reads: [ReadWaiter]) {
        let deadline = now + UInt64(settings.timeoutTicks)
        for read in reads {
            read.hasArrived = true
            if read.isCancelled {
                finish(read, .cancelled)
            } else if read.mode == nil {
                localReads.append(read)
            } else {
                read.deadline = deadline
                freshReads.append(read)
            }
        }
        guard !localReads.isEmpty else { return }
        serve(localReads)
        localReads.removeAll(keepingCapacity: true)
    }

    /// Asks the core, once for all that wait.
    func sendReads() {
        guard !freshReads.isEmpty, raft.standing.leader != nil else { return }
        if raft.standing.role != .leader { endConfirmations() }
        var kept: [ReadWaiter] = []
        for mode in [ReadMode.quorum, .lease] {
            let waiters = freshReads.filter { $0.mode == mode }
            if waiters.isEmpty { continue }
            let id = ReadID(nextReadID)
            nextReadID &+= 1
            do throws(Refusal) {
                try raft.read(id, mode: mode)
                askedReads.append(ReadGroup(id: id, mode: mode, sentAt: now, waiters: waiters))
            } catch {
                kept += waiters
            }
        }
        freshReads = kept
    }

    func confirmed(_ reads: [Ready.Read]) {
        for read in reads {
            guard let position = askedReads.firstIndex(where: { $0.id == read.id }) else { continue }
            let group = askedReads.remove(at: position)
            confirmedReads.append((read.index, group.waiters.filter { !$0.isConfirmation }))
            // It waits for nothing that has to be written or applied.
            serve(group.waiters.filter(\.isConfirmation))
        }
        serveReads()
    }

    /// Asked again at the next tick, or when there is another leader.
    func refused(_ id: ReadID) {
        guard let position = askedReads.firstIndex(where: { $0.id == id }) else { return }
        refusedReads += askedReads.remove(at: position).waiters
    }

    func repeatReads() {
        freshReads = refusedReads + freshReads
        refusedReads = []
    }

    func serveReads() {
        guard restoring == nil, confirmedReads.contains(where: { $0.index <= appliedIndex }) else { return }
        let waiting = confirmedReads
        confirmedReads = []
        for (index, waiters) in waiting {
            if index > appliedIndex {
                confirmedReads.append((index, waiters))
            } else {
                serve(waiters)
            }
        }
    }

    private func endConfirmations() {
        for read in freshReads where read.isConfirmation {
            finish(
                read,
                NodeError(
                    .notLeader, "node \(id) does not lead", retry: .after(.milliseconds(100)), leader: leader))
        }
        freshReads.removeAll { $0.isDone }
    }

    private func serve(_ readers: [ReadWaiter]) {
        finished += readers.count { !$0.isDone }
        machine.serve(readers)
    }

    func cancel(_ read: ReadWaiter) {
        read.isCancelled = true
        guard read.hasArrived else { return }
        finish(read, .cancelled)
        freshReads.removeAll { $0.isDone }
    }

    func expireReads() {
        let patience = UInt64(settings.raft.electionTicks)
        for group in askedReads where group.sentAt + patience <= now { refused(group.id) }
        repeatReads()
        let late =
            freshReads.filter { $0.deadline <= now } + confirmedReads.flatMap(\.waiters).filter { $0.deadline <= now }
        guard !late.isEmpty else { return }
        for read in late {
            let error =
                raft.standing.leader == nil
                ? NodeError(.noLeader, "nobody led the cluster in time", retry: .after(.milliseconds(100)))
                : NodeError(.timeout, "the read was not confirmed in time", retry: .after(.milliseconds(100)))
            finish(read, error)
        }
        freshReads.removeAll { $0.isDone }
    }

    func endReads(_ error: NodeError) {
        let waiting = freshReads + refusedReads + askedReads.flatMap(\.waiters) + confirmedReads.flatMap(\.waiters)
        for read in waiting { read.fail(error) }
        (freshReads, refusedReads, askedReads, confirmedReads) = ([], [], [], [])
    }

    private func finish(_ read: ReadWaiter, _ error: NodeError) {
        if read.isDone { return }
        finished += 1
        read.fail(error)
    }

    var stopped: NodeError { NodeError(.stopped, "the node has stopped") }
}
