/// Who was asked, who answered, and whether that is enough.
///
/// What comes after the end, and a second outcome of one source, change nothing.
struct GatherState<Answer> {
    private(set) var answers: [(index: Int, answer: Answer)] = []
    private(set) var failures: [(index: Int, error: any Error)] = []
    private var isSilent: [Bool]
    private let needed: Int
    /// nil while it goes on; then for good.
    private(set) var ending: GatherEnding?

    /// - Parameter needed: answers that are enough; none if it is zero or less.
    init(asked: Int, needed: Int) {
        isSilent = [Bool](repeating: true, count: asked)
        self.needed = needed
        decide()
    }

    /// Those with no outcome, in order.
    var silent: [Int] { isSilent.indices.filter { isSilent[$0] } }

    mutating func answered(_ index: Int, _ answer: Answer) {
        guard ending == nil, isSilent[index] else { return }
        isSilent[index] = false
        answers.append((index, answer))
        decide()
    }

    mutating func failed(_ index: Int, _ error: any Error) {
        guard ending == nil, isSilent[index] else { return }
        isSilent[index] = false
        failures.append((index, error))
        decide()
    }

    mutating func deadlinePassed() {
        ending = ending ?? .deadline
    }

    private mutating func decide() {
        if answers.count >= needed {
            ending = .enough
        } else if isSilent.count - failures.count < needed {
            ending = .outOfReach
        }
    }
}
