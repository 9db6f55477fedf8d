import ApusChannels
import ApusEtcd
import ApusEtcdAPI
import ApusGRPC
import ArgumentParser
import Foundation
import SwiftProtobuf

/// A lease that lives as long as a command does.
enum LeaseSession {
    /// Runs `body`; ends it when the lease is lost. The lease is revoked after it.
    static func with<Value: Sendable>(
        _ client: EtcdClient, ttlSeconds: Int64, _ body: @escaping @Sendable (Int64) async throws -> Value
    ) async throws -> Value {
        let lease = try await client.leaseGrant(.with { $0.ttl = ttlSeconds })
        let outcome: Result<Value, any Error>
        do {
            outcome = .success(
                try await withThrowingTaskGroup(of: Value?.self) { group in
                    group.addTask { try await body(lease.id) }
                    group.addTask {
                        try await keep(client, lease)
                        return nil
                    }
                    defer { group.cancelAll() }
                    guard let value = try await group.next() ?? nil else {
                        throw CtlFailure(.error, "session expired")
                    }
                    return value
                })
        } catch {
            outcome = .failure(error)
        }
        _ = try? await client.leaseRevoke(.with { $0.id = lease.id })
        return try outcome.get()
    }

    /// Returns when the lease is gone.
    private static func keep(_ client: EtcdClient, _ lease: EtcdLeaseGrantResponse) async throws {
        while true {
            try await TimeSource.continuous.sleep(for: .seconds(lease.ttl) / 3)
            guard let response = try? await client.leaseKeepAlive(.with { $0.id = lease.id }) else { continue }
            if response.ttl == 0 { return }
        }
    }
}

struct LockCommand: CtlLeaf {
    static let configuration = CommandConfiguration(
        commandName: "lock", abstract: "Hold a lock, until the command is ended or a program has run.",
        usage: "apus ctl lock <name> [options] [-- <program> <arguments>]",
        discussion: """
            It prints the key of the lock, and holds it until it is ended by Ctrl-C. With a program it ends as that does; \
            ETCD_LOCK_KEY and ETCD_LOCK_REV tell it which lock it runs under.
            """)

    @Argument(help: "The lock; a program and its arguments.") var words: [String] = []
    @Option(help: "How long the lock is kept after this command died, in seconds.") var ttl: Int64 = 10
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run(_ session: CtlSession) async throws {
        guard let name = words.first else {
            throw CtlFailure.arguments("lock takes a lock name argument and an optional command to execute")
        }
        let program = Array(words.dropFirst())
        let client = session.client
        let status = try await LeaseSession.with(client, ttlSeconds: ttl) { lease -> Int32 in
            let lock = try await client.lock(
                .with {
                    $0.name = Data(name.utf8)
                    $0.lease = lease
                })
            if !program.isEmpty {
                return try await ChildProgram.run(
                    program,
                    environment: [
                        "ETCD_LOCK_KEY": String(decoding: lock.key, as: UTF8.self),
                        "ETCD_LOCK_REV": "\(lock.header.revision)",
                    ])
            }
            let held = try await client.range(.with { $0.key = lock.key })
            guard !held.kvs.isEmpty else { throw CtlFailure(.error, "lock lost on init") }
            try session.output.show(held)
            try await InterruptSignals.wait()
            return 0
        }
        if status != 0 { throw CtlFailure(exitStatus: status) }
    }
}

struct ElectCommand: CtlLeaf {
    static let configuration = CommandConfiguration(
        commandName: "elect", abstract: "Stand for election, or watch who is elected.",
        usage: "apus ctl elect <name> [<proposal>] [options]",
        discussion: """
            With a proposal it waits until it is elected, prints its key and proposal, and leads until it is ended by \
            Ctrl-C. With --listen it prints each leader.
            """)

    @Argument(help: "The election; what the leader proposes.") var words: [String] = []
    @Flag(name: [.long, .customShort("l")], help: "Only watch.") var listen = false
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run(_ session: CtlSession) async throws {
        guard (1...2).contains(words.count) else {
            throw CtlFailure.arguments("elect takes one election name argument and an optional proposal argument")
        }
        guard (words.count == 1) == listen else {
            throw CtlFailure.arguments(
                listen ? "proposal given but -l is set" : "no proposal argument but -l not set")
        }
        let name = Data(words[0].utf8)
        if listen {
            return try await session.client.observe(.with { $0.name = name }) { leaders in
                while let leader = try await leaders.next() {
                    try session.output.show(
                        EtcdRangeResponse.with {
                            $0.header = leader.header
                            $0.kvs = [leader.kv]
                            $0.count = 1
                        })
                }
            }
        }
        let (client, proposal) = (session.client, Data(words[1].utf8))
        try await LeaseSession.with(client, ttlSeconds: 60) { lease in
            let elected = try await client.campaign(
                .with {
                    $0.name = name
                    $0.lease = lease
                    $0.value = proposal
                })
            try session.output.show(try await client.range(.with { $0.key = elected.leader.key }))
            try await InterruptSignals.wait()
            _ = try await client.resign(.with { $0.leader = elected.leader })
        }
    }
}
