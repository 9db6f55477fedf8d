import ApusNode
import ApusPrimitives
import ApusRaft

/// An observer that remembers what it was told, and answers requests as it is told to.
final class Watcher<Machine: StateMachine>: NodeObserver {
    enum Event: Sendable {
        case applied(LogIndex, count: Int)
        case restored(LogIndex, count: Int)
        case standing(Standing)

        var index: LogIndex? {
            switch self {
            case .applied(let index, _), .restored(let index, _): index
            case .standing: nil
            }
        }

        var count: Int? {
            switch self {
            case .applied(_, let count), .restored(_, let count): count
            case .standing: nil
            }
        }

        var isRestore: Bool { if case .restored = self { true } else { false } }
        var standing: Standing? { if case .standing(let standing) = self { standing } else { nil } }
    }

    typealias Reply = @Sendable (Result<[UInt8], NodeError>) -> Void

    let events = Locked<[Event]>([])
    private let count: @Sendable (Machine) -> Int
    private let respond: @Sendable ([UInt8], @escaping Reply) -> Void

    /// - Parameters:
    ///   - count: what is remembered of the machine.
    ///   - respond: answers what other nodes ask; by default the request itself.
    init(
        count: @escaping @Sendable (Machine) -> Int = { _ in 0 },
        respond: @escaping @Sendable ([UInt8], @escaping Reply) -> Void = { $1(.success($0)) }
    ) {
        self.count = count
        self.respond = respond
    }

    func applied(_ machine: Machine, through index: LogIndex, term: Term) {
        events.withLock { $0.append(.applied(index, count: count(machine))) }
    }

    func restored(_ machine: Machine, at index: LogIndex) {
        events.withLock { $0.append(.restored(index, count: count(machine))) }
    }

    func standingChanged(_ standing: Standing) { events.withLock { $0.append(.standing(standing)) } }

    func answer(_ request: [UInt8], _ reply: @escaping Reply) { respond(request, reply) }
}
