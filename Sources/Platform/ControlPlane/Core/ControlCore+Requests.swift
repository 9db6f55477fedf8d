import ApusEtcdAPI
import ApusGRPC
import ApusKV
import ApusNode
import ApusRaft

extension ControlCore {
    /// Replicates a command and answers with what it came to here.
    ///
    /// - Parameter then: called once, from any thread; on the node's event loop when the command was applied.
    func propose(
        _ command: ControlCommand, then: @escaping @Sendable (Result<ControlAnswer, EtcdError>) -> Void
    ) {
        node.propose(command.encoded()) { then($0.mapError { EtcdError(node: $0) }) }
    }

    /// - Throws: also what the command came to, when that is an error.
    func propose(_ command: ControlCommand) async throws(EtcdError) -> (ControlResponse, Revision) {
        let result: Result<ControlAnswer, EtcdError> = await withCheckedContinuation { continuation in
            propose(command) { continuation.resume(returning: $0) }
        }
        let answer = try result.get()
        return (try answer.result.get(), answer.revision)
    }

    /// Hands the machine to `body`, on the node's event loop, where it must not wait.
    ///
    /// - Parameter linearizable: it has all that was answered anywhere before the call; otherwise it is what this member has.
    func read(
        linearizable: Bool, then body: @escaping @Sendable (Result<ControlMachine, EtcdError>) -> Void
    ) {
        let seen: @Sendable (Result<ControlMachine, NodeError>) -> Void = { body($0.mapError { EtcdError(node: $0) }) }
        if linearizable { node.read(then: seen) } else { node.readLocally(then: seen) }
    }

    func read<Value: Sendable>(
        linearizable: Bool, _ body: @escaping @Sendable (ControlMachine) throws(EtcdError) -> Value
    ) async throws(EtcdError) -> Value {
        let result: Result<Value, EtcdError> = await withCheckedContinuation { continuation in
            read(linearizable: linearizable) { machine in
                continuation.resume(
                    returning: machine.flatMap { machine in
                        do throws(EtcdError) {
                            return .success(try body(machine))
                        } catch {
                            return .failure(error)
                        }
                    })
            }
        }
        return try result.get()
    }
}

extension EtcdError {
    /// What etcd tells a client when a node could not do its part.
    init(node error: any Error) {
        guard let error = error as? NodeError else {
            self =
                error is CancellationError
                ? EtcdError(.cancelled, "etcdserver: request cancelled") : EtcdError(.unknown, "\(error)")
            return
        }
        self =
            switch error.code {
            case .noLeader, .timeout, .answerLost: .timeout
            case .notLeader: .notLeader
            case .overloaded: .tooManyRequests
            case .invalidRequest: .requestTooLarge
            case .noSpace: .noSpace
            case .stopped, .failed: .stopped
            case .corrupt: .corrupt
            default: EtcdError(.unavailable, "etcdserver: \(error.message)")
            }
    }
}
