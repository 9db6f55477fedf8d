import ApusSQL
import Testing

@Suite struct SQLQueryTests {
    @Test func interpolationBindsAndNeverEntersTheText() {
        let name = "'; DROP TABLE people; --"
        let query: SQLQuery = "SELECT * FROM people WHERE name = \(name) AND age > \(30)"
        #expect(query.sql == "SELECT * FROM people WHERE name = ? AND age > ?")
        #expect(query.bindings == [.text(name), .integer(30)])
    }

    @Test func anEngineWritesItsOwnPlaceholders() {
        let part: SQLQuery = "b IN (\(list: ["x", "y"]))"
        let query: SQLQuery = "a = \(1) AND \(part) AND c = \(2.5)"
        #expect(query.sql { "$\($0)" } == "a = $1 AND b IN ($2, $3) AND c = $4")
        #expect(query.bindings == [.integer(1), .text("x"), .text("y"), .real(2.5)])
    }

    @Test func valuesOfEnumsAndOptionalsBind() {
        enum Colour: String, SQLBindable, SQLDecodable { case red, blue }
        let none: Int? = nil
        let query: SQLQuery = "\(Colour.red) \(none) \(true) \([UInt8]([1, 2])) \(UInt8.max)"
        #expect(query.bindings == [.text("red"), .null, .integer(1), .blob([1, 2]), .integer(255)])
        #expect(Colour.decode(.text("blue")) == .blue && Colour.decode(.text("green")) == nil)
    }

    @Test func decodingIsStrict() {
        #expect(Int8.decode(.integer(128)) == nil && Int8.decode(.integer(-128)) == -128)
        #expect(UInt64.decode(.integer(-1)) == nil && Int.decode(.real(1)) == nil && Int.decode(.text("1")) == nil)
        #expect(Bool.decode(.integer(2)) == nil && Bool.decode(.integer(1)) == true)
        #expect(Double.decode(.integer(3)) == 3 && Double.decode(.text("3")) == nil)
        #expect(String.decode(.integer(1)) == nil && String.decode(.null) == nil)
        #expect(Int?.decode(.null) == .some(nil) && Int?.decode(.text("x")) == nil)
    }

    @Test func anUncheckedTextNeedsAsManyPlaceholdersAsBindings() throws {
        try SQLQuery(unchecked: "SELECT ?", bindings: [.integer(1)]).validate()
        let error = #expect(throws: SQLError.self) {
            try SQLQuery(unchecked: "SELECT ?, ?", bindings: [.null]).validate()
        }
        #expect(error?.code == .misuse)
    }
}
