/// A snapshot on its way to a follower: one piece at a time, so that what is in memory of it is one piece.
struct SnapshotTransfer: Sendable {
    enum Stage: Sendable {
        /// The shell reads the piece at `offset`: then `sent`.
        case reading
        /// Left for `reading` when the follower says where to go on, or when it says nothing for too long.
        case sent
    }

    let snapshot: SnapshotMetadata
    var offset: UInt64 = 0
    var stage = Stage.reading
    /// Since the last thing happened.
    var ticks = 0
}
