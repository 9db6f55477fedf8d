/// Decides whether a history of registers is linearizable: whether every operation can be given a moment between its call and
/// its return, so that one register used at those moments would have answered the same.
///
/// The search of Wing and Gong ("Testing and verifying concurrent objects", 1993) with the memory of Lowe ("Testing for
/// linearizability", 2017), as in Porcupine: of each key by itself, since linearizability is local (Herlihy and Wing).
public struct LinearizabilityChecker {
    public enum Verdict: Hashable, Sendable {
        case linearizable
        /// No order explains the answers of `key`: any order fails before `operation` returned at the latest.
        case violated(key: Int, operation: Operation)
        /// The search of `key` was given up after `stepLimit` steps.
        case unknown(key: Int)
    }

    /// Bounds the search for one key: the problem is NP-complete.
    public var stepLimit: Int

    public init(stepLimit: Int = 1_000_000) {
        self.stepLimit = stepLimit
    }

    /// A violation of any key comes before an unknown one.
    public func check(_ history: [Operation]) -> Verdict {
        var byKey: [Int: [Operation]] = [:]
        for operation in history where !(operation.output == nil && operation.input == .read) {
            byKey[operation.key, default: []].append(operation)
        }
        var unknown: Verdict?
        for (key, operations) in byKey.sorted(by: { $0.key < $1.key }) {
            var search = LinearizationSearch(operations)
            switch search.run(stepLimit: stepLimit) {
            case .found: continue
            case .impossible(let operation): return .violated(key: key, operation: operation)
            case .gaveUp: unknown = unknown ?? .unknown(key: key)
            }
        }
        return unknown ?? .linearizable
    }
}
