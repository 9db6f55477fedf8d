/// The search for one register: a list of calls and returns in the order of time, from which operations are taken out in the
/// order that is tried.
struct LinearizationSearch {
    enum Outcome {
        case found
        case impossible(Operation)
        case gaveUp
    }

    /// The same operations done, the same state reached: what follows is the same, so it is searched once.
    private struct Reached: Hashable {
        let done: [UInt64]
        let state: UInt64
    }

    private let operations: [Operation]
    /// Of each node of the list: its operation, and whether it is the call. Node 0 is the head.
    private var operationOf: [Int] = [0]
    private var isCall: [Bool] = [true]
    private var next: [Int] = []
    private var previous: [Int] = []
    private var returnOf: [Int]
    private var answeredLeft = 0

    init(_ operations: [Operation]) {
        self.operations = operations
        returnOf = Array(repeating: 0, count: operations.count)
        var moments: [(time: UInt64, isReturn: Int, operation: Int)] = []
        for (index, operation) in operations.enumerated() {
            moments.append((operation.invoked, 0, index))
            // Without an answer there is no return: it can always be put after everything else, where nobody sees it.
            guard operation.output != nil else { continue }
            moments.append((operation.returned, 1, index))
            answeredLeft += 1
        }
        // At one moment calls come first: then the two overlap, which accuses nobody wrongly.
        moments.sort { ($0.time, $0.isReturn, $0.operation) < ($1.time, $1.isReturn, $1.operation) }
        for moment in moments {
            if moment.isReturn == 1 { returnOf[moment.operation] = operationOf.count }
            operationOf.append(moment.operation)
            isCall.append(moment.isReturn == 0)
        }
        let count = operationOf.count
        next = (1...count).map { $0 == count ? 0 : $0 }
        previous = (0..<count).map { max(0, $0 - 1) }
    }

    mutating func run(stepLimit: Int) -> Outcome {
        var state: UInt64 = 0
        var done = [UInt64](repeating: 0, count: operations.count / 64 + 1)
        var reached: Set<Reached> = []
        var taken: [(node: Int, before: UInt64)] = []
        // Where the deepest attempt ended: the operation to show.
        var deepest = (depth: -1, operation: 0)
        var node = next[0]
        var steps = 0
        while answeredLeft > 0 {
            steps += 1
            if steps > stepLimit { return .gaveUp }
            let index = operationOf[node]
            if isCall[node] {
                let operation = operations[index]
                let after = Register.apply(operation.input, to: state)
                if operation.output == nil || operation.output == after.output {
                    done[index / 64] ^= 1 << UInt64(index % 64)
                    if reached.insert(Reached(done: done, state: after.state)).inserted {
                        taken.append((node, state))
                        state = after.state
                        take(node)
                        node = next[0]
                        continue
                    }
                    done[index / 64] ^= 1 << UInt64(index % 64)
                }
                node = next[node]
            } else {
                if taken.count > deepest.depth { deepest = (taken.count, index) }
                guard let last = taken.popLast() else { return .impossible(operations[deepest.operation]) }
                let undone = operationOf[last.node]
                done[undone / 64] ^= 1 << UInt64(undone % 64)
                state = last.before
                putBack(last.node)
                node = next[last.node]
            }
        }
        return .found
    }

    private mutating func take(_ call: Int) {
        unlink(call)
        let back = returnOf[operationOf[call]]
        if back != 0 {
            unlink(back)
            answeredLeft -= 1
        }
    }

    private mutating func putBack(_ call: Int) {
        let back = returnOf[operationOf[call]]
        if back != 0 {
            relink(back)
            answeredLeft += 1
        }
        relink(call)
    }

    private mutating func unlink(_ node: Int) {
        next[previous[node]] = next[node]
        if next[node] != 0 { previous[next[node]] = previous[node] }
    }

    private mutating func relink(_ node: Int) {
        next[previous[node]] = node
        if next[node] != 0 { previous[next[node]] = node }
    }
}
