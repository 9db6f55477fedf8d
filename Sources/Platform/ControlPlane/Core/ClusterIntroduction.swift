import ApusNode
import ApusPrimitives

/// What a member tells whoever is to join: which cluster this is, how it began, and who is in it now.
struct ClusterIntroduction: Hashable {
    let clusterID: UInt64
    /// The members as they were before the first change: every member's state begins with them.
    let founders: ClusterBook
    let members: ClusterBook

    private static let formatVersion: UInt8 = 1

    func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.write(Self.formatVersion)
        writer.write(clusterID)
        founders.encode(to: &writer)
        members.encode(to: &writer)
        return writer.bytes
    }

    init(clusterID: UInt64, founders: ClusterBook, members: ClusterBook) {
        self.clusterID = clusterID
        self.founders = founders
        self.members = members
    }

    /// - Throws: `ByteReader.Malformed`.
    init(decoding bytes: [UInt8]) throws {
        var reader = ByteReader(bytes)
        guard try reader.read(UInt8.self) == Self.formatVersion else {
            throw ByteReader.Malformed(offset: 0, expected: "an introduction of a known version")
        }
        clusterID = try reader.read(UInt64.self)
        founders = try ClusterBook(from: &reader)
        members = try ClusterBook(from: &reader)
    }
}

/// Answers those who are to join, by what this member has.
final class ClusterHost: Sendable {
    private let plan: ClusterPlan
    private let node = Locked<ReplicatedNode<ControlMachine>?>(nil)

    init(_ plan: ClusterPlan) {
        self.plan = plan
    }

    func attach(_ node: ReplicatedNode<ControlMachine>) {
        self.node.withLock { $0 = node }
    }

    /// Says nothing while the node cannot be asked: the question runs out of time then.
    func introduce(_ tell: @escaping @Sendable ([UInt8]) -> Void) {
        let plan = plan
        node.withLock { $0 }?.readLocally { result in
            guard case .success(let machine) = result else { return }
            tell(
                ClusterIntroduction(
                    clusterID: plan.identity.clusterID, founders: plan.founders, members: machine.cluster
                ).encoded())
        }
    }
}
