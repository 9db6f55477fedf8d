import ApusChannels
import ApusEtcd
import ApusEtcdAPI
import ApusGRPC
import ArgumentParser
import Foundation
import SwiftProtobuf

struct LeaseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lease", abstract: "Leases: keys that live while somebody keeps them alive.",
        subcommands: [Grant.self, Revoke.self, KeepAlive.self, TimeToLive.self, List.self])

    /// - Throws: `CtlFailure`.
    static func id(_ text: String) throws -> Int64 {
        guard let id = Int64(hexID: text) else {
            throw CtlFailure.arguments("bad lease ID arg (\"\(text)\"), expecting ID in Hex")
        }
        return id
    }

    struct Grant: CtlLeaf {
        static let configuration = CommandConfiguration(abstract: "Make a lease that lives for so many seconds.")
        @Argument(help: "Seconds.") var words: [String] = []
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: CtlSession) async throws {
            guard words.count == 1 else { throw CtlFailure.arguments("lease grant command needs TTL argument") }
            guard let seconds = Int64(words[0]) else {
                throw CtlFailure.arguments("bad TTL (\"\(words[0])\" is no number of seconds)")
            }
            let response = try await session.client.leaseGrant(.with { $0.ttl = seconds })
            try session.output.show(response) {
                try response.header.json([("ID", "\(response.id)"), ("TTL", "\(response.ttl)"), ("Error", "\"\"")])
            } simple: {
                $0.line("lease \(GoText.id(response.id)) granted with TTL(\(response.ttl)s)")
            } fields: { text in
                text.header(response.header)
                text.field("ID", response.id)
                text.field("TTL", response.ttl)
            }
        }
    }

    struct Revoke: CtlLeaf {
        static let configuration = CommandConfiguration(abstract: "End a lease, and delete its keys.")
        @Argument(help: "The lease, in hexadecimal.") var words: [String] = []
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: CtlSession) async throws {
            guard words.count == 1 else { throw CtlFailure.arguments("lease revoke command needs 1 argument") }
            let id = try LeaseCommand.id(words[0])
            let response: EtcdLeaseRevokeResponse
            do {
                response = try await session.client.leaseRevoke(.with { $0.id = id })
            } catch let error as GRPCError {
                throw CtlFailure(.error, "failed to revoke lease (\(error.explained))")
            }
            try session.output.show(response) {
                $0.line("lease \(GoText.id(id)) revoked")
            } fields: {
                $0.header(response.header)
            }
        }
    }

    struct KeepAlive: CtlLeaf {
        static let configuration = CommandConfiguration(
            commandName: "keep-alive", abstract: "Keep a lease alive, until it is gone or the command is ended.")
        @Argument(help: "The lease, in hexadecimal.") var words: [String] = []
        @Flag(help: "Only once.") var once = false
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: CtlSession) async throws {
            guard words.count == 1 else {
                throw CtlFailure.arguments("lease keep-alive command needs lease ID as argument")
            }
            let id = try LeaseCommand.id(words[0])
            while true {
                let response = try await session.client.leaseKeepAlive(.with { $0.id = id })
                guard response.ttl > 0 else {
                    if once { throw CtlFailure(.badConnection, "etcdserver: requested lease not found") }
                    return print("lease \(GoText.id(id)) expired or revoked.")
                }
                try session.output.show(response) {
                    try response.header.json([("ID", "\(response.id)"), ("TTL", "\(response.ttl)")])
                } simple: {
                    $0.line("lease \(GoText.id(response.id)) keepalived with TTL(\(response.ttl))")
                } fields: { text in
                    text.header(response.header)
                    text.field("ID", response.id)
                    text.field("TTL", response.ttl)
                }
                if once { return }
                try await TimeSource.continuous.sleep(for: .seconds(response.ttl) / 3)
            }
        }
    }

    struct TimeToLive: CtlLeaf {
        static let configuration = CommandConfiguration(
            commandName: "timetolive", abstract: "How long a lease still lives.")
        @Argument(help: "The lease, in hexadecimal.") var words: [String] = []
        @Flag(help: "And which keys die with it.") var keys = false
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: CtlSession) async throws {
            guard words.count == 1 else {
                throw CtlFailure.arguments("lease timetolive command needs lease ID as argument")
            }
            let id = try LeaseCommand.id(words[0])
            let response = try await session.client.leaseTimeToLive(
                .with {
                    $0.id = id
                    $0.keys = keys
                })
            try session.output.show(response) {
                let keys = response.keys.map { "\"\($0.base64EncodedString())\"" }.joined(separator: ",")
                return try response.header.json([
                    ("id", "\(response.id)"), ("ttl", "\(response.ttl)"), ("granted-ttl", "\(response.grantedTtl)"),
                    ("keys", response.keys.isEmpty ? "null" : "[\(keys)]"),
                ])
            } simple: {
                $0.simple(response, showsKeys: keys)
            } fields: { text in
                text.header(response.header)
                text.field("ID", response.id)
                text.field("TTL", response.ttl)
                text.field("GrantedTTL", response.grantedTtl)
                for key in response.keys { text.quoted("Key", key) }
            }
        }
    }

    struct List: CtlLeaf {
        static let configuration = CommandConfiguration(abstract: "All leases.")
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: CtlSession) async throws {
            let response = try await session.client.leaseLeases()
            try session.output.show(response) {
                let leases = response.leases.map { "{\"id\":\($0.id)}" }.joined(separator: ",")
                return try response.header.json([("leases", "[\(leases)]")])
            } simple: { text in
                text.line("found \(response.leases.count) leases")
                for lease in response.leases { text.line(GoText.id(lease.id)) }
            } fields: { text in
                text.header(response.header)
                for lease in response.leases { text.field("ID", lease.id) }
            }
        }
    }
}

extension EtcdResponseHeader {
    /// An object with the header's own fields first, and `fields` after them: Go embeds it in what it prints of leases.
    func json(_ fields: [(String, String)]) throws -> String {
        let own = try etcdJSON.dropFirst().dropLast()
        let parts = (own.isEmpty ? [] : [String(own)]) + fields.map { "\"\($0)\":\($1)" }
        return "{\(parts.joined(separator: ","))}"
    }
}

extension CtlText {
    fileprivate mutating func simple(_ response: EtcdLeaseTimeToLiveResponse, showsKeys: Bool) {
        if response.grantedTtl == 0, response.ttl == -1 {
            return line("lease \(GoText.id(response.id)) already expired")
        }
        var text =
            "lease \(GoText.id(response.id)) granted with TTL(\(response.grantedTtl)s), remaining(\(response.ttl)s)"
        if showsKeys {
            text +=
                ", attached keys([\(response.keys.map { String(decoding: $0, as: UTF8.self) }.joined(separator: " "))])"
        }
        line(text)
    }
}
