import ApusEtcdAPI
import ApusGRPC
import ApusKV
import ApusNode
import ApusPrimitives
import ApusRaft
import SwiftProtobuf

extension GRPCService {
    /// etcd's Maintenance service.
    static func maintenance(_ core: ControlCore) -> GRPCService {
        GRPCService(EtcdService.maintenance) { service in
            addAlarmAndStatus(to: &service, core)
            addHashes(to: &service, core)
            service.unary("Defragment") { (_: EtcdDefragmentRequest, call) in
                // Memory and disk are given back as it goes.
                try await core.checkMaintenance(call.head)
                return EtcdDefragmentResponse()
            }
            service.serverStream("Snapshot") { (_: EtcdSnapshotRequest, replies, call) in
                try await core.sendSnapshot(call.head, to: replies)
            }
            service.unary("MoveLeader", by: core) { (request: EtcdMoveLeaderRequest, caller) async throws(EtcdError) in
                try await core.moveLeader(to: request.targetID, caller)
                return EtcdMoveLeaderResponse()
            }
            service.unary("Downgrade", by: core) { (request: EtcdDowngradeRequest, caller) async throws(EtcdError) in
                let header = try await core.downgrade(request, caller)
                return EtcdDowngradeResponse.with {
                    $0.header = header
                    $0.version = Downgrade.clusterVersion
                }
            }
        }
    }

    private static func addAlarmAndStatus(to service: inout GRPCService, _ core: ControlCore) {
        service.unary("Alarm", by: core) { (request: EtcdAlarmRequest, caller) async throws(EtcdError) in
            let (alarms, revision) = try await core.alarm(request, caller)
            return EtcdAlarmResponse.with {
                $0.header = core.header(revision)
                $0.alarms = alarms.map(EtcdAlarmMember.init)
            }
        }
        // Health checks and clients that look for a leader ask it without a token.
        service.unary("Status") { (_: EtcdStatusRequest, _) in
            do throws(EtcdError) {
                return try await core.status()
            } catch {
                throw error.status
            }
        }
    }

    private static func addHashes(to service: inout GRPCService, _ core: ControlCore) {
        service.unary("Hash") { (_: EtcdHashRequest, call) in
            try await core.checkMaintenance(call.head)
            let (store, hash) = try await core.hash(at: .zero)
            return EtcdHashResponse.with {
                $0.header = core.header(store.revision)
                $0.hash = hash
            }
        }
        service.unary("HashKV") { (request: EtcdHashKVRequest, call) in
            try await core.checkMaintenance(call.head)
            let (store, hash) = try await core.hash(at: Revision(request.revision))
            return EtcdHashKVResponse.with {
                $0.header = core.header(store.revision)
                $0.hash = hash
                $0.compactRevision = store.compactedForEtcd
            }
        }
    }
}

extension KVStore {
    /// Etcd has -1 until the first compaction.
    var compactedForEtcd: Int64 { hasBeenCompacted ? compactedRevision.rawValue : -1 }
}

extension EtcdError {
    /// Etcd 3.5 answers maintenance to whoever may not with errors that have no code.
    fileprivate var asOfMaintenance: EtcdError {
        switch self {
        case .userEmpty, .permissionDenied, .userNotFound, .invalidAuthToken:
            EtcdError(.unknown, message.replacing("etcdserver: ", with: "auth: "))
        default: self
        }
    }
}

extension ControlCore {
    func checkMaintenance(_ head: GRPCRequestHead) async throws(GRPCError) {
        do throws(EtcdError) {
            let caller = try await knownCaller(head)
            try await read(linearizable: false) { machine throws(EtcdError) in try machine.auth.checkRoot(caller) }
        } catch {
            throw error.asOfMaintenance.status
        }
    }

    /// The store as this member has it, and its hash at `revision`, computed on a thread of its own.
    func hash(at revision: Revision) async throws(GRPCError) -> (KVStore, UInt32) {
        do throws(EtcdError) {
            let store = try await read(linearizable: false) { machine in machine.store }
            return (store, try await Self.hash(of: store, at: revision))
        } catch {
            throw error.status
        }
    }

    fileprivate func alarm(
        _ request: EtcdAlarmRequest, _ caller: Caller?
    ) async throws(EtcdError) -> ([AlarmBook.Alarm], Revision) {
        let kind = AlarmKind(request.alarm)
        let (book, revision) = try await read(linearizable: true) { machine throws(EtcdError) in
            // Whoever ends an alarm lets everybody write; etcd 3.5 let anybody do so.
            if request.action != .get { try machine.auth.checkRoot(caller) }
            return (machine.alarms, machine.store.revision)
        }
        switch (request.action, kind) {
        case (.get, _):
            let isKnown = request.alarm == .none || kind != nil
            return (book.alarms.filter { isKnown && (kind == nil || $0.kind == kind) }, revision)
        case (.activate, let kind?):
            return try await apply(.activate(.init(kind: kind, member: request.memberID)))
        case (.deactivate, let kind?):
            return try await apply(.deactivate(.init(kind: kind, member: request.memberID)))
        default: return ([], revision)
        }
    }

    private func apply(_ command: AlarmCommand) async throws(EtcdError) -> ([AlarmBook.Alarm], Revision) {
        let (response, revision) = try await propose(.alarm(command))
        guard case .alarm(.alarms(let alarms)) = response else { return ([], revision) }
        return (alarms, revision)
    }

    fileprivate func status() async throws(EtcdError) -> EtcdStatusResponse {
        let (revision, bytes, alarms) = try await read(linearizable: false) { machine in
            (machine.store.revision, machine.store.storedBytes, machine.alarms.alarms)
        }
        let status: NodeStatus
        do {
            status = try await node.status
        } catch {
            throw EtcdError(node: error)
        }
        return EtcdStatusResponse.with {
            $0.header = header(revision)
            $0.version = Downgrade.serverVersion
            $0.dbSize = bytes
            $0.dbSizeInUse = bytes
            $0.leader = status.raft.standing.leader?.rawValue ?? 0
            $0.raftIndex = status.raft.commitIndex.rawValue
            $0.raftAppliedIndex = status.appliedIndex.rawValue
            $0.raftTerm = status.raft.standing.term.rawValue
            $0.isLearner = status.raft.configuration.learners.contains(NodeID(memberID))
            if $0.leader == 0 { $0.errors.append(EtcdError.noLeader.message) }
            for alarm in alarms { $0.errors.append(alarm.text) }
        }
    }

    fileprivate func moveLeader(to target: UInt64, _ caller: Caller?) async throws(EtcdError) {
        guard node.standing.role == .leader else { throw .notLeader }
        let book = try await read(linearizable: false) { machine throws(EtcdError) in
            try machine.auth.checkRoot(caller)
            return machine.cluster
        }
        guard let member = book[target], !member.isLearner else { throw .badLeaderTransferee }
        guard target != memberID else { return }
        do {
            try await node.transferLeadership(to: NodeID(target))
        } catch let error as NodeError where error.code == .timeout {
            throw .timeoutOfTransfer
        } catch {
            throw EtcdError(node: error)
        }
    }

    fileprivate func downgrade(
        _ request: EtcdDowngradeRequest, _ caller: Caller?
    ) async throws(EtcdError) -> EtcdResponseHeader {
        let target = request.action == .cancel ? nil : try Downgrade.target(request.version)
        let (book, revision) = try await read(linearizable: true) { machine throws(EtcdError) in
            try machine.auth.checkRoot(caller)
            return (machine.cluster, machine.store.revision)
        }
        try Downgrade.check(request.action, to: target, book.downgradeTarget)
        switch request.action {
        case .enable: _ = try await propose(.member(.downgrade(to: target)))
        case .cancel: _ = try await propose(.member(.downgrade(to: nil)))
        case .validate, .UNRECOGNIZED: break
        }
        return header(revision)
    }
}

extension EtcdError {
    fileprivate static let timeoutOfTransfer = EtcdError(
        .unknown, "etcdserver: request timed out, leader transfer took too long")
}

extension AlarmKind {
    init?(_ type: EtcdAlarmType) {
        switch type {
        case .nospace: self = .noSpace
        case .corrupt: self = .corrupt
        default: return nil
        }
    }
}

extension EtcdAlarmMember {
    init(_ alarm: AlarmBook.Alarm) {
        self.init()
        memberID = alarm.member
        self.alarm = alarm.kind == .noSpace ? .nospace : .corrupt
    }
}

extension AlarmBook.Alarm {
    /// As etcd shows it in a status: protobuf's short text form, with the blank at its end.
    var text: String {
        (member == 0 ? "" : "memberID:\(member) ") + "alarm:\(kind == .noSpace ? "NOSPACE" : "CORRUPT") "
    }
}
