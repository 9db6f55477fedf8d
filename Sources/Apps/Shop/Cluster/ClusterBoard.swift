import ApusPrimitives
import Foundation

/// Which processes of a cluster run, and a line for each that ends.
final class ClusterBoard: Sendable {
    struct Entry: Sendable {
        /// The process that runs, or the last one.
        var process: Int32
        /// How often it has ended by itself.
        var ends = 0
        /// How it did the last time.
        var lastEnd = ""
    }

    private let state = Locked((entries: [String: Entry](), isOpen: false))
    private let print: @Sendable (String) -> Void

    init(print: @escaping @Sendable (String) -> Void) {
        self.print = print
    }

    func entry(of name: String) -> Entry? { state.withLock { $0.entries[name] } }

    /// From now on it is told what ends and starts.
    func open() { state.withLock { $0.isOpen = true } }

    func started(_ name: String, _ process: Int32) {
        let isNews = state.withLock { state in
            let isAgain = state.entries[name] != nil
            state.entries[name, default: Entry(process: process)].process = process
            return isAgain && state.isOpen
        }
        if isNews { print("\(name) runs again as process \(process)") }
    }

    func ended(_ name: String, _ how: String) {
        let process = state.withLock { state -> Int32? in
            state.entries[name, default: Entry(process: 0)].ends += 1
            state.entries[name]?.lastEnd = how
            return state.isOpen ? state.entries[name]?.process : nil
        }
        if let process { print("\(name) (process \(process)) \(how)") }
    }
}
