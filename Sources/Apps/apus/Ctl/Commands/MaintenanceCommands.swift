import ApusEtcd
import ApusEtcdAPI
import ApusGRPC
import ArgumentParser
import SwiftProtobuf

struct CompactionCommand: CtlLeaf {
    static let configuration = CommandConfiguration(
        commandName: "compaction", abstract: "Forget the history before a revision.")
    @Argument(help: "The oldest revision that is kept.") var words: [String] = []
    @Flag(help: "Wait until the space is given back.") var physical = false
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run(_ session: CtlSession) async throws {
        guard let word = words.first, words.count == 1 else {
            throw CtlFailure.arguments("compaction command needs 1 argument")
        }
        guard let revision = Int64(word) else { throw CtlFailure(.error, "\"\(word)\" is no revision") }
        _ = try await session.client.compact(
            .with {
                $0.revision = revision
                $0.physical = physical
            })
        print("compacted revision \(revision)")
    }
}

struct DefragCommand: CtlLeaf {
    static let configuration = CommandConfiguration(
        commandName: "defrag", abstract: "Give back the space of what was deleted.",
        discussion: "Members of etcd serve nobody meanwhile; `apus server` has no need of it, and answers at once.")
    @OptionGroup var scope: EndpointCommand.Scope
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run(_ session: CtlSession) async throws {
        let failures = try await session.eachEndpoint(ofCluster: scope.cluster) { name, member in
            do {
                _ = try await member.defragment()
                print("Finished defragmenting etcd member[\(name)]")
                return false
            } catch let error as GRPCError {
                complain("Failed to defragment etcd member[\(name)] (\(error.explained))")
                return true
            }
        }
        if failures.contains(true) { throw CtlFailure(.error, "") }
    }
}

struct MoveLeaderCommand: CtlLeaf {
    static let configuration = CommandConfiguration(
        commandName: "move-leader", abstract: "Let another member lead.")
    @Argument(help: "The member that shall lead, in hexadecimal.") var words: [String] = []
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run(_ session: CtlSession) async throws {
        guard words.count == 1 else { throw CtlFailure.arguments("move-leader command needs 1 argument") }
        let target = try MemberCommand.id(words)
        for endpoint in session.client.endpoints {
            let member = session.client.at(endpoint)
            guard let status = try? await member.status(), status.leader == status.header.memberID else { continue }
            let response = try await member.moveLeader(to: target)
            return try session.output.show(response) {
                $0.line(
                    "Leadership transferred from \(GoText.hex(status.leader)) to \(GoText.hex(target))")
            }
        }
        throw CtlFailure.arguments("no leader endpoint given at [\(session.given.joined(separator: " "))]")
    }
}

struct AlarmCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "alarm", abstract: "What the members warn of.", subcommands: [List.self, Disarm.self])

    struct List: CtlLeaf {
        static let configuration = CommandConfiguration(abstract: "All alarms.")
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: CtlSession) async throws {
            try session.output.show(try await session.client.alarm(EtcdAlarmRequest()))
        }
    }

    struct Disarm: CtlLeaf {
        static let configuration = CommandConfiguration(abstract: "End all alarms.")
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: CtlSession) async throws {
            var response = try await session.client.alarm(EtcdAlarmRequest())
            let alarms = response.alarms
            for alarm in alarms {
                response = try await session.client.alarm(
                    .with {
                        $0.action = .deactivate
                        $0.memberID = alarm.memberID
                        $0.alarm = alarm.alarm
                    })
            }
            response.alarms = alarms
            try session.output.show(response)
        }
    }
}

extension CtlOutput {
    fileprivate func show(_ response: EtcdAlarmResponse) throws {
        try show(response) { text in
            for alarm in response.alarms { text.line("memberID:\(alarm.memberID) alarm:\(alarm.alarm.name) ") }
        } fields: { text in
            text.header(response.header)
            for alarm in response.alarms {
                text.field("MemberID", alarm.memberID)
                text.field("AlarmType", alarm.alarm.name)
                text.line("")
            }
        }
    }
}
