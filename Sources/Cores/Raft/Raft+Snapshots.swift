public import ApusPrimitives

// Snapshots of this node, and sending them (Raft, section 7).
extension Raft {
    /// What describes a snapshot that the application takes at `index`, with the members as of there; nil when that is not
    /// applied, or no longer in the log.
    public func snapshotMetadata(at index: LogIndex) -> SnapshotMetadata? {
        guard index > .zero, index <= appliedIndex, let term = log.term(at: index) else { return nil }
        return SnapshotMetadata(index: index, term: term, configuration: log.configuration(at: index))
    }

    /// A snapshot of this node is on disk. The log is cut, but for `trailingEntries` and for what follows a snapshot that is
    /// on its way to a follower; when it is larger than half its bound, all that the snapshot has goes.
    public mutating func snapshotTaken(_ taken: SnapshotMetadata) {
        guard taken.index > snapshot?.index ?? .zero, taken.index <= appliedIndex,
            taken.index < log.compactedIndex || log.term(at: taken.index) == taken.term
        else { return }
        snapshot = taken
        if log.bytes > options.maximumLogBytes / 2 { return log.compact(through: taken.index) }
        let trailing = UInt64(options.trailingEntries)
        var cut = LogIndex(taken.index.rawValue > trailing ? taken.index.rawValue - trailing : 0)
        for peer in peers {
            if let transfer = peer.transfer { cut = min(cut, transfer.snapshot.index) }
        }
        log.compact(through: cut)
    }

    /// Forgets applied entries that a follower will hardly ask for: the disk has them, until a snapshot takes their place.
    mutating func trimLog() {
        guard log.bytes / 2 > options.trailingBytes else { return }
        var last = min(appliedIndex, log.place(before: options.trailingBytes))
        if role == .leader { for peer in peers { last = min(last, peer.matchIndex) } }
        log.compact(through: last)
    }

    /// The files that the shell keeps: the newest snapshot on disk, and those under way to followers.
    public var snapshotsInUse: [SnapshotMetadata] {
        var files = snapshot.map { $0.index > .zero ? [$0] : [] } ?? []
        for peer in peers {
            if let transfer = peer.transfer, !files.contains(transfer.snapshot) { files.append(transfer.snapshot) }
        }
        return files
    }

    // MARK: Sending

    /// The follower needs what the log no longer has.
    mutating func startSnapshot(to place: Int) {
        guard let snapshot, snapshot.index >= log.compactedIndex, snapshot.index > .zero else {
            needsSnapshot = appliedIndex > snapshot?.index ?? .zero
            return
        }
        peers[place].send(SnapshotTransfer(snapshot: snapshot))
        requestChunk(for: place)
    }

    private mutating func requestChunk(for place: Int) {
        guard var transfer = peers[place].transfer else { return }
        transfer.stage = .reading
        transfer.ticks = 0
        peers[place].state = .snapshot(transfer)
        chunkRequests.append(
            Ready.ChunkRequest(
                to: peers[place].id, snapshot: transfer.snapshot, offset: transfer.offset,
                maximumBytes: options.snapshotChunkBytes))
    }

    /// The piece that `request` asked for. `isLast`: the file ends with it.
    public mutating func chunkRead(_ request: Ready.ChunkRequest, bytes: Bytes, isLast: Bool) {
        guard let place = place(asking: request), var transfer = peers[place].transfer, isLast || !bytes.isEmpty
        else { return }
        transfer.stage = .sent
        transfer.ticks = 0
        peers[place].state = .snapshot(transfer)
        let chunk = SnapshotChunk(
            snapshot: transfer.snapshot, source: id, offset: transfer.offset, bytes: bytes, isLast: isLast)
        send(.snapshot(chunk), to: request.to)
    }

    /// The file is gone or damaged, or ends before the offset: the follower is probed again, and sent another if it must be.
    public mutating func chunkUnavailable(_ request: Ready.ChunkRequest) {
        guard let place = place(asking: request) else { return }
        peers[place].probe(from: .zero)
        // Not before it is heard of again: a file that can't be read is not asked for in a circle.
        peers[place].isProbeSent = true
    }

    /// The member whose transfer waits for exactly this piece.
    private func place(asking request: Ready.ChunkRequest) -> Int? {
        guard role == .leader, let place = place(of: request.to), let transfer = peers[place].transfer,
            case .reading = transfer.stage, transfer.snapshot == request.snapshot, transfer.offset == request.offset
        else { return nil }
        return place
    }

    /// Goes on where the follower says: after a restart on either side that may be further on, or further back.
    mutating func snapshotProgressed(at follower: NodeID, index: LogIndex, nextOffset: UInt64) {
        guard role == .leader, let place = place(of: follower) else { return }
        peers[place].isRecentlyActive = true
        guard var transfer = peers[place].transfer, transfer.snapshot.index == index, transfer.offset != nextOffset
        else { return }
        transfer.offset = nextOffset
        peers[place].state = .snapshot(transfer)
        requestChunk(for: place)
    }

    /// A piece that nobody answers for `electionTicks` is lost.
    mutating func tickSnapshotTransfers() {
        for place in peers.indices {
            guard var transfer = peers[place].transfer else { continue }
            transfer.ticks += 1
            peers[place].state = .snapshot(transfer)
            if transfer.ticks >= options.electionTicks { requestChunk(for: place) }
        }
    }
}
