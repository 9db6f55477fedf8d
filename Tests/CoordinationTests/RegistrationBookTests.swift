import ApusKV
import ApusPrimitives
import Testing

@testable import ApusCoordination

/// A person changes their mind while the store is being asked.
@Suite struct RegistrationBookTests {
    var book = RegistrationBook()
    let lease = LeaseID(rawValue: 7)

    @Test mutating func `an answer about an older value confirms nothing`() {
        book.want("k", "old")
        book.want("k", "new")
        book.confirm("k", value: "old", lease: lease)
        #expect(!book.isConfirmed("k"))
        #expect(book.tasks == [.put("k", "new", overwrites: true)])
        book.confirm("k", value: "new", lease: lease)
        #expect(book.isConfirmed("k"))
        #expect(book.tasks.isEmpty)
    }

    @Test mutating func `a registration withdrawn while it is written is deleted`() {
        book.want("k", "v")
        #expect({ book.withdraw("k") }())
        book.lease = lease
        book.confirm("k", value: "v", lease: lease)
        #expect(book.tasks == [.delete("k", lease: lease)])
        book.confirmDeleted("k")
        #expect(book.tasks.isEmpty)
        #expect(!{ book.withdraw("k") }())
    }

    @Test mutating func `an explicit registration overwrites, whatever was found before it`() {
        book.lease = lease
        book.want("k", "old")
        book.confirm("k", value: "old", lease: lease)
        book.loseLease(lease)
        #expect(book.tasks == [.put("k", "old", overwrites: false)])
        book.want("k", "new")
        #expect(!{ book.noteTaken("k") }())
        #expect(book.tasks == [.put("k", "new", overwrites: true)])
    }

    @Test mutating func `what is taken is tried again, and told once`() {
        book.lease = lease
        book.want("k", "v")
        book.confirm("k", value: "v", lease: lease)
        book.doubt(["k"])
        #expect({ book.noteTaken("k") }())
        #expect(!{ book.noteTaken("k") }())
        #expect(book.tasks == [.put("k", "v", overwrites: false)])
    }

    @Test mutating func `what is refused is not tried again, and a newer value is`() {
        let error = CoordinationError(.invalidRequest, "too big")
        book.want("k", "v")
        book.refuse("k", "an older value", because: error)
        #expect({ book.takeRefusal(of: "k") == nil }())
        book.refuse("k", "v", because: error)
        #expect(book.tasks.isEmpty)
        #expect({ book.takeRefusal(of: "k")?.message }() == "too big")
        #expect({ book.takeRefusal(of: "k") == nil }())
        book.want("k", "v")
        book.refuse("k", "v", because: error)
        book.want("k", "small")
        #expect(book.tasks == [.put("k", "small", overwrites: true)])
    }

    @Test mutating func `a lost lease takes everything along but what is wanted`() {
        book.lease = lease
        for key: Bytes in ["a", "b", "c"] { book.want(key, "v") }
        book.confirm("a", value: "v", lease: lease)
        book.confirm("b", value: "v", lease: lease)
        #expect({ book.withdraw("b") }())
        book.loseLease(LeaseID(rawValue: 8))
        #expect(book.isConfirmed("a"))
        book.loseLease(lease)
        #expect(book.lease == nil)
        #expect(book.tasks == [.put("a", "v", overwrites: false), .put("c", "v", overwrites: true)])
    }
}
