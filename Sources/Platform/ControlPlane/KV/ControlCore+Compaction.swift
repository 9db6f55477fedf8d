import ApusEtcdAPI
import ApusKV
import ApusNode

extension ControlCore {
    /// What one step of a compaction gives up at most, in changes: about five milliseconds of each member's event loop.
    private static let compactionStep = 2_000

    /// Compacts in steps, each a command of its own: other requests, heartbeats and watchers have their turn in between.
    ///
    /// - Parameter then: called once, from any thread, with what the last step came to.
    func compact(
        at revision: Revision, _ caller: Caller?,
        then: @escaping @Sendable (Result<ControlAnswer, EtcdError>) -> Void
    ) {
        read(linearizable: false) { machine in
            let store = (try? machine.get())?.store
            let next = store?.compactionStep(towards: revision, changes: Self.compactionStep) ?? revision
            self.propose(.kv(.compact(next), caller)) { result in
                guard next < revision, result.isStep else { return then(result) }
                self.compact(at: revision, caller, then: then)
            }
        }
    }
}

extension Result<ControlAnswer, EtcdError> {
    /// Whether there is a next step: after one that somebody else's compaction overtook too.
    fileprivate var isStep: Bool {
        guard case .success(let answer) = self else { return false }
        if case .failure(let error) = answer.result { return error == .compacted }
        return true
    }
}
