import ApusRaft

/// Somebody who asks one thing after the other, and asks again until there is an answer.
struct SimulatedClient {
    var sequence: UInt32 = 0
    /// Counts requests, so that the timeout of an earlier one does nothing.
    var attempt = 0
    /// Its place in the history; nil between two operations.
    var operation: Int?
    var leader: Int?
    /// Operations still to begin; decided when the faults end.
    var left = Int.max
}
