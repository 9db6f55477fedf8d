import ApusPrimitives
import RaftSimulation

/// Makes histories that are linearizable by construction, each operation at a moment that is drawn first; and damages them.
struct RandomHistory {
    private var random: SeededRandom
    private let keys: Int
    private let clients: Int
    private var value: UInt64 = 0

    init(seed: UInt64, keys: Int, clients: Int) {
        random = SeededRandom(seed: seed)
        self.keys = keys
        self.clients = clients
    }

    mutating func next(operations count: Int) -> [Operation] {
        var states = [UInt64](repeating: 0, count: keys)
        var free = [UInt64](repeating: 0, count: clients)
        var history: [Operation] = []
        var moment: UInt64 = 0
        for _ in 0..<count {
            moment += UInt64.random(in: 1...4, using: &random)
            guard let client = free.indices.filter({ free[$0] < moment }).randomElement(using: &random) else {
                continue
            }
            let key = Int.random(in: 0..<keys, using: &random)
            value += 1
            let input: Register.Input =
                switch Int.random(in: 0...3, using: &random) {
                case 0: .read
                case 1: .write(value)
                default: .mix(value)
                }
            let result = Register.apply(input, to: states[key])
            states[key] = result.state
            let invoked = UInt64.random(in: free[client] + 1...moment, using: &random)
            let returned = moment + UInt64.random(in: 0...12, using: &random)
            free[client] = returned
            let isAnswered = Int.random(in: 0...30, using: &random) > 0
            history.append(
                Operation(
                    client: client, key: key, input: input, output: isAnswered ? result.output : nil, invoked: invoked,
                    returned: isAnswered ? returned : .max))
        }
        return history
    }

    /// Swaps two answers, or moves an operation in time: the result may be linearizable or not.
    mutating func damage(_ history: inout [Operation]) {
        guard let first = history.indices.randomElement(using: &random) else { return }
        let second = history.indices.randomElement(using: &random) ?? first
        if Bool.random(using: &random) {
            (history[first].output, history[second].output) = (history[second].output, history[first].output)
        } else {
            let old = history[first]
            let invoked = UInt64.random(in: 0...20, using: &random)
            let returned = old.output == nil ? .max : invoked + UInt64.random(in: 0...5, using: &random)
            history[first] = Operation(
                client: old.client, input: old.input, output: old.output, invoked: invoked, returned: returned)
        }
    }

    /// Leaves out an answered `mix` that the answer of the next one builds on.
    mutating func forgetOneUpdate(_ history: inout [Operation]) {
        let candidates = history.indices.dropLast().filter { index in
            guard case .mix = history[index].input, let output = history[index].output else { return false }
            guard case .mix(let value) = history[index + 1].input else { return false }
            return history[index + 1].output == Register.apply(.mix(value), to: output).output
        }
        if let index = candidates.randomElement(using: &random) { history.remove(at: index) }
    }
}

/// Tries every order: the definition itself, for histories of a few operations.
enum BruteForce {
    static func isLinearizable(_ history: [Operation]) -> Bool {
        search(history, state: 0)
    }

    private static func search(_ left: [Operation], state: UInt64) -> Bool {
        if left.allSatisfy({ $0.output == nil }) { return true }
        for (index, operation) in left.enumerated() {
            // It may be next only if nobody else returned before it was called.
            if left.contains(where: { $0.output != nil && $0.returned < operation.invoked }) { continue }
            let after = Register.apply(operation.input, to: state)
            guard operation.output == nil || operation.output == after.output else { continue }
            var rest = left
            rest.remove(at: index)
            if search(rest, state: after.state) { return true }
        }
        return false
    }
}
