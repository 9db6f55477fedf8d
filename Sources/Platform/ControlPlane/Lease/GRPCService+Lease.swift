import ApusChannels
import ApusEtcdAPI
import ApusGRPC
import ApusKV
import ApusPrimitives
import Foundation
import NIOCore
import SwiftProtobuf

extension GRPCService {
    /// etcd's Lease service.
    static func lease(_ core: ControlCore) -> GRPCService {
        GRPCService(EtcdService.lease) { service in
            service.deferred("LeaseGrant") { (request: EtcdLeaseGrantRequest, head, answer) in
                core.leaseGrant(request, head, answer)
            }
            service.deferred("LeaseRevoke") { (request: EtcdLeaseRevokeRequest, head, answer) in
                core.leaseRevoke(request, head, answer)
            }
            service.deferred("LeaseTimeToLive") { (request: EtcdLeaseTimeToLiveRequest, head, answer) in
                core.leaseTimeToLive(request, head, answer)
            }
            service.deferred("LeaseLeases") { (_: EtcdLeaseLeasesRequest, head, answer) in
                core.leaseLeases(head, answer)
            }
            service.stream(raw: "LeaseKeepAlive") { requests, replies, call in
                try await core.withLeader(call.head) { try await core.leaseKeepAlive(requests, replies) }
            }
        }
    }
}

extension ControlCore {
    fileprivate func leaseGrant(
        _ request: EtcdLeaseGrantRequest, _ head: GRPCRequestHead, _ answer: GRPCAnswer
    ) {
        // As etcd: a positive number that nobody else has.
        let id = request.id == 0 ? Int64.random(in: 1...(.max)) : request.id
        let grant = Command.grant(LeaseID(id), ttlSeconds: request.ttl)
        asCaller(head, answer) { caller in
            try self.checkQuota(grant)
            self.propose(.kv(grant, caller), answer) {
                response, header -> EtcdLeaseGrantResponse? in
                guard case .kv(.grant(let lease)) = response else { return nil }
                return .with {
                    $0.header = header
                    $0.id = lease.id.rawValue
                    $0.ttl = lease.grantedTTLSeconds
                }
            }
        }
    }

    fileprivate func leaseRevoke(
        _ request: EtcdLeaseRevokeRequest, _ head: GRPCRequestHead, _ answer: GRPCAnswer
    ) {
        asCaller(head, answer) { caller in
            self.propose(.kv(.revoke(LeaseID(request.id)), caller), answer) {
                _, header -> EtcdLeaseRevokeResponse? in .with { $0.header = header }
            }
        }
    }

    /// The time is the leader's; the rest is read here, linearizably.
    fileprivate func leaseTimeToLive(
        _ request: EtcdLeaseTimeToLiveRequest, _ head: GRPCRequestHead, _ answer: GRPCAnswer
    ) {
        let id = LeaseID(request.id)
        asCaller(head, answer) { caller in
            self.ask(.remaining(id)) { remaining in
                self.read(linearizable: true) { machine in
                    answer.attempt {
                        answer.succeed(try self.timeToLive(request, try remaining.get(), try machine.get(), caller))
                    }
                }
            }
        }
    }

    private func timeToLive(
        _ request: EtcdLeaseTimeToLiveRequest, _ remaining: Int64?, _ machine: ControlMachine, _ caller: Caller?
    ) throws(EtcdError) -> EtcdLeaseTimeToLiveResponse {
        let id = LeaseID(request.id)
        if request.keys { try machine.auth.check(caller, keysOf: id, on: machine.store) }
        var reply = EtcdLeaseTimeToLiveResponse()
        reply.header = header(machine.store.revision)
        reply.id = request.id
        reply.ttl = -1
        if let remaining, let lease = machine.store.lease(id) {
            reply.ttl = remaining
            reply.grantedTtl = lease.grantedTTLSeconds
            if request.keys { reply.keys = machine.store.keys(attachedTo: id).map(\.data) }
        }
        return reply
    }

    fileprivate func leaseLeases(_ head: GRPCRequestHead, _ answer: GRPCAnswer) {
        asCaller(head, answer) { caller in
            self.read(linearizable: false) { machine in
                answer.attempt {
                    let machine = try machine.get()
                    let leases = machine.store.leases
                    for lease in leases { try machine.auth.check(caller, keysOf: lease.id, on: machine.store) }
                    var reply = EtcdLeaseLeasesResponse()
                    reply.header = self.header(machine.store.revision)
                    reply.leases = self.leases.sorted(leases).map { lease in .with { $0.id = lease.id.rawValue } }
                    answer.succeed(reply)
                }
            }
        }
    }

    /// Keep-alives of one stream under way at once; more wait in the stream.
    private static let keepAlivesAtOnce = 512

    fileprivate func leaseKeepAlive(
        _ requests: GRPCMessages<ByteBuffer>, _ replies: GRPCMessageWriter<ByteBuffer>
    ) async throws {
        let outbox = Outbox<ByteBuffer>(limitBytes: 1 << 20) {}
        // Those under way, and those that are answered and not yet sent.
        let room = Semaphore(permits: Self.keepAlivesAtOnce)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while case let responses = try await outbox.take(), !responses.isEmpty {
                    for response in responses {
                        try await replies.send(response)
                        room.release()
                    }
                }
            }
            group.addTask {
                while let bytes = try await requests.next() {
                    let request = try EtcdLeaseKeepAliveRequest.decoded(bytes)
                    try await room.acquire()
                    self.keepAlive(request.id, into: outbox)
                }
                try await room.acquire(Self.keepAlivesAtOnce)
                outbox.end()
            }
            group.addTask {
                try await self.stopping.value
                throw EtcdError.stopped
            }
            // The one that sends and the one that receives.
            for _ in 0..<2 { try await group.next() }
            group.cancelAll()
        }
    }

    private func keepAlive(_ id: Int64, into outbox: Outbox<ByteBuffer>) {
        // From before the lease is begun anew: a client must not see it alive at a revision at which it may be gone.
        let header = wireHeader(view.revision)
        keepAlive(LeaseID(id)) { result in
            switch result {
            case .failure(let error): outbox.end(error.status)
            case .success(let seconds):
                let size = WireHeader.maximumSize + 2 * ProtoSize.maximumNumber
                let response = ProtoWriter.buffer(capacity: size) { writer in
                    writer.header(header)
                    writer.field(2, id)
                    writer.field(3, seconds)
                }
                outbox.add(response, bytes: response.readableBytes)
            }
        }
    }
}
