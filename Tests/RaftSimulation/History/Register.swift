/// What the clients of the simulation use: a number under each key. This is the sequential specification that a history is
/// checked against, and the simulated state machines run it too.
public enum Register {
    public enum Input: Hashable, Sendable {
        case read
        /// Answers 0, so that the order of two such writes is only known from reads.
        case write(UInt64)
        /// Replaces the number by a mixture of it and this one, and answers the mixture: what was lost or done twice shows in
        /// every answer after it.
        case mix(UInt64)
    }

    /// What `input` answers when the number is `state`, and the number after it.
    public static func apply(_ input: Input, to state: UInt64) -> (state: UInt64, output: UInt64) {
        switch input {
        case .read: return (state, state)
        case .write(let value): return (value, 0)
        case .mix(let value):
            var mixture = Fingerprint(state)
            mixture.mix(value)
            return (mixture.value, mixture.value)
        }
    }
}
