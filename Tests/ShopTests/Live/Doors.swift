import ApusPrimitives

/// The gateways of a shop, as somebody uses them who goes to the next one when there is no answer.
final class Doors: Sendable {
    private let urls: [String]
    private let state: Locked<(current: Int, turns: Int)>

    /// - Parameter first: the index of the one to begin with.
    init(_ urls: [String], first: Int = 0) {
        self.urls = urls
        state = Locked((first % urls.count, 0))
    }

    var url: String { urls[state.withLock { $0.current }] }

    /// How often another one had to be used.
    var turns: Int { state.withLock { $0.turns } }

    /// No answer came from `url`.
    func turn(from url: String) {
        state.withLock { state in
            guard urls.count > 1, urls[state.current] == url else { return }
            state.current = (state.current + 1) % urls.count
            state.turns += 1
        }
    }
}
