import ApusEtcdAPI
import ApusKV
import ApusNode
import ApusPrimitives

extension ControlCore {
    /// Answers another member, or this one, as the leader. On the node's event loop.
    ///
    /// That this member still leads is confirmed by a majority first, once for all who ask at the same time; no disk is waited for.
    static func answer(
        _ request: [UInt8], node: ReplicatedNode<ControlMachine>, leases: LeaseKeeper,
        _ reply: @escaping @Sendable (Result<[UInt8], NodeError>) -> Void
    ) {
        guard let request = try? LeaderRequest(decoding: request) else {
            return reply(.failure(NodeError(.invalidRequest, "a request that this version does not know")))
        }
        @Sendable func respond(_ machine: Result<ControlMachine, NodeError>) {
            let answer: LeaderReply
            do throws(EtcdError) {
                let machine = try machine.mapError { EtcdError(node: $0) }.get()
                switch request {
                case .keepAlive(let id): answer = .seconds(try leases.keepAlive(id, machine.store))
                case .remaining(let id):
                    answer = try leases.remainingSeconds(id, machine.store).map { .seconds($0) } ?? .none
                }
            } catch {
                answer = .failed(error)
            }
            reply(.success(answer.encoded()))
        }
        node.confirmLeadership { machine in
            if leases.isCounting, case .success(let state) = machine, state.store.lease(request.lease) != nil {
                return respond(machine)
            }
            // One that was granted just now may not be applied here yet, nor all from before this member led.
            node.read(then: respond)
        }
    }

    /// Asks whoever leads.
    func ask(
        _ request: LeaderRequest, then: @escaping @Sendable (Result<Int64?, EtcdError>) -> Void
    ) {
        node.askLeader(request.encoded()) { result in
            guard case .success(let bytes) = result else {
                if case .failure(let error) = result { then(.failure(EtcdError(node: error))) }
                return
            }
            switch try? LeaderReply(decoding: bytes) {
            case .seconds(let seconds): then(.success(seconds))
            case .some(.none): then(.success(nil))
            case .failed(let error): then(.failure(error))
            case nil: then(.failure(.timeout))
            }
        }
    }

    /// The seconds of a lease that was begun anew; 0 when there is none.
    func keepAlive(_ id: LeaseID, then: @escaping @Sendable (Result<Int64, EtcdError>) -> Void) {
        ask(.keepAlive(id)) { then($0.map { $0 ?? 0 }) }
    }
}
