import ApusEtcdAPI
import ApusGRPC
import ApusKV
import ApusPrimitives
import Testing

@testable import ApusControlPlane

@Suite struct MaintenanceAlarmTests {
    @Test func withoutRoomNothingGrows() throws {
        var book = AlarmBook()
        let grows: [Command] = [
            .put(PutRequest(key: "a", value: "b")), .grant(LeaseID(1), ttlSeconds: 5),
            .txn(TxnRequest(failure: [.put(PutRequest(key: "a", value: ""))])),
            .txn(TxnRequest(success: [.txn(TxnRequest(success: [.put(PutRequest(key: "a", value: ""))]))])),
        ]
        let shrinks: [Command] = [
            .delete(DeleteRangeRequest(.key("a"))), .compact(Revision(1)), .revoke(LeaseID(1)),
            .txn(TxnRequest(success: [.delete(DeleteRangeRequest(.key("a")))])),
        ]
        for command in grows + shrinks { try book.check(command) }
        let alarm = AlarmBook.Alarm(kind: .noSpace, member: 7)
        #expect(book.apply(.activate(alarm)) == .alarms([alarm]))
        #expect(book.apply(.activate(alarm)) == .alarms([alarm]))
        #expect(book.alarms == [alarm])
        for command in grows { expect(.noSpace) { try book.check(command) } }
        for command in shrinks { try book.check(command) }
        #expect(book.apply(.deactivate(.init(kind: .noSpace, member: 0))) == .alarms([]))
        #expect(book.apply(.deactivate(alarm)) == .alarms([alarm]))
        for command in grows { try book.check(command) }
        _ = book.apply(.activate(.init(kind: .corrupt, member: 7)))
        for command in grows + shrinks { expect(.corrupt) { try book.check(command) } }
    }

    @Test func whoStandsAloneIsFound() {
        func report(_ member: UInt64, _ hash: UInt32, compacted: Int64 = 1) -> AlarmCommand {
            .reportHash(.init(member: member, compacted: Revision(compacted), hash: hash), at: Revision(9))
        }
        var book = AlarmBook()
        #expect(book.apply(report(1, 5)) == .alarms([]), "nobody asked")
        _ = book.apply(.compareHashes(at: Revision(9)))
        #expect(book.apply(report(1, 5)) == .alarms([]))
        #expect(book.apply(report(2, 4, compacted: 2)) == .alarms([]), "of another history")
        #expect(book.apply(report(3, 5)) == .alarms([]))
        #expect(book.apply(report(4, 6)) == .alarms([.init(kind: .corrupt, member: 4)]))
        #expect(book.apply(report(4, 5)) == .alarms([]), "heard already")
        #expect(book.isRaised(.corrupt))
        var writer = ByteWriter()
        book.encode(to: &writer)
        var reader = ByteReader(writer.bytes)
        #expect((try? AlarmBook(from: &reader)) == book)
    }

    @Test func versionsToGoBackTo() throws {
        #expect(try Downgrade.target("3.4") == "3.4.0")
        #expect(try Downgrade.target("3.4.9") == "3.4.0")
        for text in ["", "3", "3.x", "a.b.c", "3.4.5.6", "3."] {
            expect(EtcdError(.invalidArgument, "etcdserver: wrong downgrade target version format")) {
                _ = try Downgrade.target(text)
            }
        }
        try Downgrade.check(.validate, to: "3.4.0", nil)
        #expect(throws: EtcdError.self) { try Downgrade.check(.enable, to: "3.3.0", nil) }
        #expect(throws: EtcdError.self) { try Downgrade.check(.enable, to: "3.4.0", "3.4.0") }
        #expect(throws: EtcdError.self) { try Downgrade.check(.cancel, to: nil, nil) }
    }
}
