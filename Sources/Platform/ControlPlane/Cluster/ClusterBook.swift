import ApusEtcdAPI
import ApusGRPC
import ApusKV
import ApusNode
import ApusPrimitives
import ApusRaft

/// Who is a member, and what is known of each; replicated, with etcd's rules for changes (server/etcdserver/api/membership).
///
/// What the book says is what the configuration of Raft is to become; `ClusterKeeper` sees to it.
struct ClusterBook: Hashable, Sendable {
    struct Member: Hashable, Sendable {
        var id: UInt64
        /// Empty until the member has started.
        var name: String
        var peerURLs: [String]
        var clientURLs: [String] = []
        var isLearner = false

        var hasStarted: Bool { !name.isEmpty }
    }

    static let maximumLearners = 1
    /// Of the IDs that are never used again the last ones are kept.
    static let maximumRemoved = 10_000

    /// In ascending order of id.
    private(set) var members: [Member]
    /// In the order of their removal.
    var removed: [UInt64] = []
    /// The version that the cluster is being brought back to, while it is.
    var downgradeTarget: String?

    init(_ members: [Member] = []) {
        self.members = members.sorted { $0.id < $1.id }
    }

    subscript(id: UInt64) -> Member? { members.first { $0.id == id } }

    var voters: [Member] { members.filter { !$0.isLearner } }

    mutating func apply(_ command: ClusterCommand) throws(EtcdError) -> ClusterResponse {
        switch command {
        case .publish(let id, let name, let clientURLs):
            let position = try position(of: id)
            members[position].name = name
            members[position].clientURLs = clientURLs
            return .published
        case .add(let member): try add(member)
        case .remove(let id):
            let position = try position(of: id)
            members.remove(at: position)
            removed = (removed + [id]).suffix(Self.maximumRemoved)
        case .update(let id, let peerURLs):
            let position = try position(of: id)
            try checkAreFree(peerURLs, except: id)
            members[position].peerURLs = peerURLs
        case .promote(let id):
            let position = try position(of: id)
            guard members[position].isLearner else { throw .memberNotLearner }
            members[position].isLearner = false
        case .downgrade(let version):
            downgradeTarget = version
            return .published
        }
        return .members(members)
    }

    private mutating func add(_ member: Member) throws(EtcdError) {
        guard !removed.contains(member.id) else { throw .memberNotFound }
        guard self[member.id] == nil else { throw .memberExists }
        try checkAreFree(member.peerURLs, except: nil)
        if member.isLearner, members.count(where: \.isLearner) >= Self.maximumLearners { throw .tooManyLearners }
        let position = members.firstIndex { $0.id > member.id } ?? members.endIndex
        members.insert(member, at: position)
    }

    private func position(of id: UInt64) throws(EtcdError) -> Int {
        guard let position = members.firstIndex(where: { $0.id == id }) else { throw .memberNotFound }
        return position
    }

    private func checkAreFree(_ urls: [String], except id: UInt64?) throws(EtcdError) {
        let taken = members.contains { member in member.id != id && member.peerURLs.contains(where: urls.contains) }
        guard !taken else { throw .peerURLExists }
    }
}

/// Whether a change leaves enough members that have started to decide anything: etcd's "strict reconfiguration".
extension ClusterBook {
    /// - Throws: `.notEnoughStartedMembers`.
    func checkVoterMayJoin() throws(EtcdError) {
        let started = voters.count(where: \.hasStarted)
        // One member alone may get a second, which is how a cluster grows again.
        if started == 1, voters.count == 1 { return }
        try Self.check(started: started, of: voters.count + 1)
    }

    /// - Throws: `.notEnoughStartedMembers`.
    func checkMayLeave(_ id: UInt64) throws(EtcdError) {
        if self[id]?.isLearner == true { return }
        let rest = voters.filter { $0.id != id }
        try Self.check(started: rest.count(where: \.hasStarted), of: rest.count)
    }

    /// - Throws: `.notEnoughStartedMembers`.
    func checkMayBePromoted(_ id: UInt64) throws(EtcdError) {
        try Self.check(started: voters.count(where: \.hasStarted) + 1, of: voters.count + 1)
    }

    private static func check(started: Int, of count: Int) throws(EtcdError) {
        guard started >= count / 2 + 1 else { throw .notEnoughStartedMembers }
    }
}
