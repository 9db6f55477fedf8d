import ApusEtcd
import ApusEtcdAPI
import ArgumentParser
import SwiftProtobuf

struct MemberCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "member", abstract: "The members of the cluster.",
        subcommands: [List.self, Add.self, Remove.self, Update.self, Promote.self])

    static func id(_ words: [String]) throws -> UInt64 {
        guard let word = words.first, words.count == 1 else { throw CtlFailure.arguments("member ID is not provided") }
        guard let id = UInt64(word, radix: 16) else {
            throw CtlFailure.arguments("bad member ID arg (\"\(word)\"), expecting ID in Hex")
        }
        return id
    }

    static func urls(_ text: String?) throws -> [String] {
        let urls = (text ?? "").split(separator: ",").map(String.init)
        guard !urls.isEmpty else { throw CtlFailure.arguments("member peer urls not provided") }
        return urls
    }

    struct List: CtlLeaf {
        static let configuration = CommandConfiguration(abstract: "Who is in the cluster.")
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: CtlSession) async throws {
            let response = try await session.client.memberList()
            let rows = response.members.map { member in
                [
                    GoText.hex(member.id), member.name.isEmpty ? "unstarted" : "started", member.name,
                    member.peerUrls.joined(separator: ","), member.clientUrls.joined(separator: ","),
                    "\(member.isLearner)",
                ]
            }
            try session.output.show(response) {
                session.output.isHex ? response.hexJSON : try response.etcdJSON
            } simple: { text in
                for row in rows { text.line(row.joined(separator: ", ")) }
            } fields: { text in
                text.header(response.header)
                for member in response.members { text.fields(member) }
            } table: {
                CtlTable(
                    titles: ["ID", "Status", "Name", "Peer Addrs", "Client Addrs", "Is Learner"], rows: rows)
            }
        }
    }

    struct Add: CtlLeaf {
        static let configuration = CommandConfiguration(
            abstract: "Add a member, before its process is started.",
            discussion: "It prints the settings that the new member's process is started with.")
        @Argument(help: "The name of the new member.") var words: [String] = []
        @Option(help: "Where the other members reach it, with commas between.") var peerUrls: String?
        @Flag(help: "As a learner: it copies, and does not vote.") var learner = false
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: CtlSession) async throws {
            guard words.count == 1 else { throw CtlFailure.arguments("member name not provided") }
            let urls = try MemberCommand.urls(peerUrls)
            let response = try await session.client.memberAdd(
                .with {
                    $0.peerUrls = urls
                    $0.isLearner = learner
                })
            let (new, name) = (response.member, words[0])
            try session.output.show(response) { text in
                text.line(
                    "Member \(GoText.wide(new.id)) added to cluster \(GoText.wide(response.header.clusterID))"
                )
                let members = response.members.flatMap { member in
                    member.peerUrls.map { "\(member.id == new.id ? name : member.name)=\($0)" }
                }
                text.line("\nETCD_NAME=\"\(name)\"")
                text.line("ETCD_INITIAL_CLUSTER=\"\(members.joined(separator: ","))\"")
                text.line("ETCD_INITIAL_ADVERTISE_PEER_URLS=\"\(new.peerUrls.joined(separator: ","))\"")
                text.line("ETCD_INITIAL_CLUSTER_STATE=\"existing\"")
            }
        }
    }

    struct Remove: CtlLeaf {
        static let configuration = CommandConfiguration(abstract: "Remove a member.")
        @Argument(help: "The member, in hexadecimal.") var words: [String] = []
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: CtlSession) async throws {
            let id = try MemberCommand.id(words)
            let response = try await session.client.memberRemove(.with { $0.id = id })
            try session.output.show(response) {
                $0.line(
                    "Member \(GoText.wide(id)) removed from cluster \(GoText.wide(response.header.clusterID))")
            }
        }
    }

    struct Update: CtlLeaf {
        static let configuration = CommandConfiguration(abstract: "Change where the other members reach a member.")
        @Argument(help: "The member, in hexadecimal.") var words: [String] = []
        @Option(help: "Where the other members reach it, with commas between.") var peerUrls: String?
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: CtlSession) async throws {
            let (id, urls) = (try MemberCommand.id(words), try MemberCommand.urls(peerUrls))
            let response = try await session.client.memberUpdate(
                .with {
                    $0.id = id
                    $0.peerUrls = urls
                })
            try session.output.show(response) {
                $0.line("Member \(GoText.wide(id)) updated in cluster \(GoText.wide(response.header.clusterID))")
            }
        }
    }

    struct Promote: CtlLeaf {
        static let configuration = CommandConfiguration(abstract: "Let a learner vote.")
        @Argument(help: "The member, in hexadecimal.") var words: [String] = []
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: CtlSession) async throws {
            let id = try MemberCommand.id(words)
            let response = try await session.client.memberPromote(.with { $0.id = id })
            try session.output.show(response) {
                $0.line("Member \(GoText.wide(id)) promoted in cluster \(GoText.wide(response.header.clusterID))")
            }
        }
    }
}

extension CtlText {
    fileprivate mutating func fields(_ member: EtcdMember) {
        field("ID", member.id)
        quoted("Name", member.name)
        for url in member.peerUrls { quoted("PeerURL", url) }
        for url in member.clientUrls { quoted("ClientURL", url) }
        field("IsLearner", member.isLearner)
        line("")
    }
}

extension EtcdMemberListResponse {
    /// With identifiers in hexadecimal, as `--hex` asks for.
    fileprivate var hexJSON: String {
        func list(_ texts: [String]) -> String { "[" + texts.map { "\"\($0)\"" }.joined(separator: ",") + "]" }
        var parts = [
            "\"cluster_id\":\"\(GoText.hex(header.clusterID))\",\"member_id\":\"\(GoText.hex(header.memberID))\""
        ]
        if header.raftTerm > 0 { parts.append("\"raft_term\":\(header.raftTerm)") }
        let members = members.map { member in
            var fields = ["\"ID\":\"\(GoText.hex(member.id))\""]
            if !member.name.isEmpty { fields.append("\"name\":\"\(member.name)\"") }
            if !member.peerUrls.isEmpty { fields.append("\"peerURLs\":\(list(member.peerUrls))") }
            if !member.clientUrls.isEmpty { fields.append("\"clientURLS\":\(list(member.clientUrls))") }
            if member.isLearner { fields.append("\"isLearner\":true") }
            return "{" + fields.joined(separator: ",") + "}"
        }
        return "{\"header\":{\(parts.joined(separator: ","))},\"members\":[\(members.joined(separator: ","))]}"
    }
}
