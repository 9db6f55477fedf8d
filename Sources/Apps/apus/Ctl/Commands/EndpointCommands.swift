import ApusChannels
import ApusEtcd
import ApusEtcdAPI
import ApusGRPC
import ApusPrimitives
import ArgumentParser
import Foundation
import SwiftProtobuf

struct EndpointCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "endpoint", abstract: "How each member does.",
        subcommands: [Status.self, Health.self, HashKV.self])

    struct Scope: ParsableArguments {
        @Flag(help: "All members of the cluster, and not only --endpoints.") var cluster = false
    }

    struct Status: CtlLeaf {
        static let configuration = CommandConfiguration(
            abstract: "Version, size, leader and how far each member is.",
            discussion: """
                In lines of: endpoint, ID, version, db size, is leader, is learner, raft term, raft index, raft applied \
                index, errors.
                """)
        @OptionGroup var scope: Scope
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: CtlSession) async throws {
            let found = try await session.eachEndpoint(ofCluster: scope.cluster) {
                name, member -> (String, EtcdStatusResponse?) in
                do {
                    return (name, try await member.status())
                } catch let error as GRPCError {
                    complain("Failed to get the status of endpoint \(name) (\(error.explained))")
                    return (name, nil)
                }
            }
            let all = found.compactMap { name, status in status.map { (name, $0) } }
            let rows = all.map { name, status in
                [
                    name, GoText.hex(status.header.memberID), status.version, GoText.size(status.dbSize),
                    "\(status.leader == status.header.memberID)", "\(status.isLearner)", "\(status.raftTerm)",
                    "\(status.raftIndex)", "\(status.raftAppliedIndex)", status.errors.joined(separator: ", "),
                ]
            }
            try session.output.show(nil) {
                let items = try all.map { "{\"Endpoint\":\"\($0.0)\",\"Status\":\(try $0.1.etcdJSON)}" }
                return "[\(items.joined(separator: ","))]"
            } simple: { text in
                for row in rows { text.line(row.joined(separator: ", ")) }
            } fields: { text in
                for (name, status) in all { text.fields(status, name) }
            } table: {
                CtlTable(
                    titles: [
                        "endpoint", "ID", "version", "db size", "is leader", "is learner", "raft term", "raft index",
                        "raft applied index", "errors",
                    ], rows: rows)
            }
            if all.count < found.count { throw CtlFailure(.error, "not every endpoint answered") }
        }
    }

    struct Health: CtlLeaf {
        static let configuration = CommandConfiguration(abstract: "Whether each member can read what all agree on.")
        @OptionGroup var scope: Scope
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: CtlSession) async throws {
            let all = try await session.eachEndpoint(ofCluster: scope.cluster) { name, member in
                let start = TimeSource.continuous.now()
                var error = ""
                do {
                    _ = try await member.range(.with { $0.key = Data("health".utf8) })
                } catch let failure as GRPCError where failure.code == .permissionDenied {
                    // Whoever may not read it has learnt as much.
                } catch let failure as GRPCError {
                    error = failure.explained
                }
                let took = GoText.duration(TimeSource.continuous.now() - start)
                if error.isEmpty, let alarms = try? await member.alarm(EtcdAlarmRequest()).alarms, !alarms.isEmpty {
                    error = "Active Alarm(s): " + alarms.map { "\($0.alarm.name) " }.joined()
                }
                return (name: name, took: took, error: error)
            }
            try session.output.show(nil) {
                let items = all.map { member in
                    let error = member.error.isEmpty ? "" : ",\"error\":\(GoText.quoted(Data(member.error.utf8)))"
                    return
                        "{\"endpoint\":\"\(member.name)\",\"health\":\(member.error.isEmpty),\"took\":\"\(member.took)\"\(error)}"
                }
                return "[\(items.joined(separator: ","))]"
            } simple: { text in
                for member in all {
                    if member.error.isEmpty {
                        text.line("\(member.name) is healthy: successfully committed proposal: took = \(member.took)")
                    } else {
                        complain("\(member.name) is unhealthy: failed to commit proposal: \(member.error)")
                    }
                }
            } fields: { text in
                for member in all {
                    text.quoted("Endpoint", member.name)
                    text.field("Health", member.error.isEmpty)
                    text.field("Took", member.took)
                    text.field("Error", member.error)
                    text.line("")
                }
            } table: {
                CtlTable(
                    titles: ["endpoint", "health", "took", "error"],
                    rows: all.map { [$0.name, "\($0.error.isEmpty)", $0.took, $0.error] })
            }
            if all.contains(where: { !$0.error.isEmpty }) { throw CtlFailure(.error, "unhealthy cluster") }
        }
    }

    struct HashKV: CtlLeaf {
        static let configuration = CommandConfiguration(
            commandName: "hashkv", abstract: "A hash of each member's history: all should be the same.")
        @OptionGroup var scope: Scope
        @Option(help: "Up to this revision; 0 for all.") var rev: Int64 = 0
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: CtlSession) async throws {
            let revision = rev
            let all = try await session.eachEndpoint(ofCluster: scope.cluster) { name, member in
                (name, try await member.hashKV(revision: revision))
            }
            try session.output.show(nil) {
                let items = try all.map { "{\"Endpoint\":\"\($0.0)\",\"HashKV\":\(try $0.1.etcdJSON)}" }
                return "[\(items.joined(separator: ","))]"
            } simple: { text in
                for (name, hash) in all { text.line("\(name), \(hash.hash)") }
            } fields: { text in
                for (name, hash) in all {
                    text.header(hash.header)
                    text.quoted("Endpoint", name)
                    text.field("Hash", hash.hash)
                    text.line("")
                }
            } table: {
                CtlTable(titles: ["endpoint", "hash"], rows: all.map { [$0.0, "\($0.1.hash)"] })
            }
        }
    }
}

/// What is said beside the answer.
func complain(_ message: String) {
    FileHandle.standardError.write(Data("\(message)\n".utf8))
}

extension CtlText {
    fileprivate mutating func fields(_ status: EtcdStatusResponse, _ endpoint: String) {
        header(status.header)
        quoted("Version", status.version)
        field("DBSize", status.dbSize)
        field("Leader", status.leader)
        field("IsLearner", status.isLearner)
        field("RaftIndex", status.raftIndex)
        field("RaftTerm", status.raftTerm)
        field("RaftAppliedIndex", status.raftAppliedIndex)
        field("Errors", "[\(status.errors.joined(separator: " "))]")
        quoted("Endpoint", endpoint)
        line("")
    }
}

extension EtcdAlarmType {
    var name: String {
        switch self {
        case .none: "NONE"
        case .nospace: "NOSPACE"
        case .corrupt: "CORRUPT"
        case .UNRECOGNIZED(let number): "\(number)"
        }
    }
}
