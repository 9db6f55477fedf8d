import ApusPrimitives
import ApusRaft
import NIOCore
import Testing

@testable import ApusNode

@Suite struct MemberBookTests {
    @Test func `a book comes back as it was written, and what is no book is none`() throws {
        var book = MemberBook([Member(NodeID(1), at: "a:1"), Member(NodeID(2))])
        #expect(MemberBook(decoding: book.encoded()) == book)
        book.remove([NodeID(9), NodeID(3)])
        #expect(MemberBook(decoding: book.encoded()) == book)
        #expect(MemberBook(decoding: book.encoded())?.removed == [NodeID(9), NodeID(3)])
        let bytes = book.encoded().array
        for count in 0..<bytes.count - 2 { #expect(MemberBook(decoding: Bytes(bytes[..<count])) != book) }
        #expect(MemberBook(decoding: Bytes("something else")) == nil)
    }

    @Test func `the removed are remembered up to a bound, the last ones`() {
        var book = MemberBook()
        let all = (1...UInt64(MemberBook.maximumRemoved) + 5).map { NodeID($0) }
        for id in all { book.remove([id]) }
        #expect(book.removed == Array(all.dropFirst(5)))
    }

    @Test func `changes of members and calls come back as they were written`() throws {
        let member = Member(NodeID(7), at: "host:1")
        let changes: [MemberChange] = [
            .addVoter(member), .addLearner(member), .promote(NodeID(8)), .update(member), .remove(NodeID(9)),
        ]
        let bytes = MemberChange.encode(changes)
        #expect(try MemberChange.decode(bytes) == changes)
        for count in 0..<bytes.count {
            #expect(throws: NodeError.self) { try MemberChange.decode(Array(bytes[..<count])) }
        }
        for seed in 0..<500 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            let noise = (0..<Int.random(in: 0...60, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            // Either is an error or something; neither traps.
            _ = try? PeerCall(decoding: noise)
            _ = try? MemberChange.decode(noise)
        }
        let error = NodeError(
            .learnerBehind, "not yet", retry: .after(.seconds(2)), mayHaveHappened: true, leader: member)
        for body in [PeerCall.Body.request(.change, bytes), .answer(.success([1, 2])), .answer(.failure(error))] {
            let call = PeerCall(from: NodeID(1), to: NodeID(2), number: .max, body: body)
            let read = try PeerCall(decoding: call.encoded())
            #expect(String(describing: read) == String(describing: call))
        }
    }

    @Test func `strangers make a node log so many lines a second`() {
        var limit = LogLimit()
        let start = NIODeadline.uptimeNanoseconds(5_000_000_000)
        let admitted = (0..<100).count { _ in limit.admit(at: start) != nil }
        #expect(admitted == LogLimit.linesPerSecond)
        #expect(limit.admit(at: start + .milliseconds(999)) == nil)
        // The next one says how many were not written.
        #expect(limit.admit(at: start + .seconds(1)) == 100 - LogLimit.linesPerSecond + 1)
        #expect(limit.admit(at: start + .seconds(1)) == 0)
    }
}
