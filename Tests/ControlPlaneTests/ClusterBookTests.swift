import ApusEtcdAPI
import ApusNode
import ApusPrimitives
import ApusRaft
import Testing

@testable import ApusControlPlane

/// etcd's rules for members, one test each.
@Suite struct ClusterBookTests {
    private func book(_ count: Int = 3, started: Int = 3) -> ClusterBook {
        ClusterBook(
            (1...count).map { id in
                .init(
                    id: UInt64(id), name: id <= started ? "m\(id)" : "", peerURLs: ["http://127.0.0.1:\(id)"])
            })
    }

    private func member(_ id: UInt64, port: Int, isLearner: Bool = false) -> ClusterBook.Member {
        .init(id: id, name: "", peerURLs: ["http://127.0.0.1:\(port)"], isLearner: isLearner)
    }

    @Test func membersComeAndGo() throws {
        var book = book()
        _ = try book.apply(.add(member(9, port: 9)))
        #expect(book.members.map(\.id) == [1, 2, 3, 9])
        expect(.memberExists) { _ = try book.apply(.add(member(9, port: 10))) }
        expect(.peerURLExists) { _ = try book.apply(.add(member(10, port: 9))) }
        _ = try book.apply(.remove(9))
        expect(.memberNotFound) { _ = try book.apply(.remove(9)) }
        expect(.memberNotFound) { _ = try book.apply(.add(member(9, port: 9))) }
        expect(.peerURLExists) { _ = try book.apply(.update(1, peerURLs: ["http://127.0.0.1:2"])) }
        expect(.memberNotFound) { _ = try book.apply(.update(9, peerURLs: ["http://127.0.0.1:9"])) }
        _ = try book.apply(.update(1, peerURLs: ["http://127.0.0.1:7"]))
        #expect(book[1]?.peerURLs == ["http://127.0.0.1:7"])
    }

    @Test func thereIsOneLearnerAtMost() throws {
        var book = book()
        _ = try book.apply(.add(member(8, port: 8, isLearner: true)))
        expect(.tooManyLearners) { _ = try book.apply(.add(member(9, port: 9, isLearner: true))) }
        expect(.memberNotLearner) { _ = try book.apply(.promote(1)) }
        expect(.memberNotFound) { _ = try book.apply(.promote(5)) }
        _ = try book.apply(.promote(8))
        _ = try book.apply(.add(member(9, port: 9, isLearner: true)))
    }

    @Test func enoughMembersMustHaveStarted() throws {
        try book(1, started: 1).checkVoterMayJoin()
        expect(.notEnoughStartedMembers) { try book(2, started: 1).checkVoterMayJoin() }
        try book(3, started: 3).checkVoterMayJoin()
        expect(.notEnoughStartedMembers) { try book(3, started: 2).checkVoterMayJoin() }
        expect(.notEnoughStartedMembers) { try book(1, started: 1).checkMayLeave(1) }
        try book(2, started: 2).checkMayLeave(1)
        expect(.notEnoughStartedMembers) { try book(2, started: 1).checkMayLeave(1) }
        try book(3, started: 2).checkMayLeave(3)
    }

    @Test func aBookSurvivesTheRoundTrip() throws {
        var book = book()
        _ = try book.apply(.add(member(9, port: 9, isLearner: true)))
        _ = try book.apply(.remove(2))
        _ = try book.apply(.downgrade(to: "3.4.0"))
        var writer = ByteWriter()
        book.encode(to: &writer)
        var reader = ByteReader(writer.bytes)
        #expect(try ClusterBook(from: &reader) == book)
        #expect(reader.remaining == 0)
    }

    @Test func theConfigurationFollowsTheBook() throws {
        var book = book()
        let configuration = Configuration(voters: [NodeID(1), NodeID(2), NodeID(3)])
        let addresses = [1, 2, 3].map { Member(NodeID(UInt64($0)), at: "127.0.0.1:\($0)") }
        #expect(ClusterChanges.between(book, configuration, addresses).isEmpty)
        _ = try book.apply(.add(member(9, port: 9, isLearner: true)))
        _ = try book.apply(.remove(2))
        _ = try book.apply(.update(3, peerURLs: ["http://127.0.0.1:33"]))
        #expect(
            ClusterChanges.between(book, configuration, addresses) == [
                .update(Member(NodeID(3), at: "127.0.0.1:33")), .addLearner(Member(NodeID(9), at: "127.0.0.1:9")),
                .remove(NodeID(2)),
            ])
    }
}
