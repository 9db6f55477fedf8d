import Foundation
import Testing

@testable import ApusControlPlane

@Suite("The JSON scanner of the gateway") struct HTTPJSONScannerTests {
    private func values(_ text: String) throws -> [String] {
        var scanner = JSONScanner(Array(text.utf8))
        var values: [String] = []
        while let value = try scanner.next() { values.append(String(decoding: value, as: UTF8.self)) }
        return values
    }

    @Test("It finds one value after the other")
    func values() throws {
        #expect(try values("") == [])
        #expect(
            try values(" {\"a\": [1, -0.5e+3, {}], \"b\":\"\\u00e9\\\"\"}\n[]null ") == [
                "{\"a\": [1, -0.5e+3, {}], \"b\":\"\\u00e9\\\"\"}", "[]", "null",
            ])
        #expect(try values("1 true\"x\"") == ["1", "true", "\"x\""])
    }

    @Test("What follows a value is left alone until it is asked for")
    func rest() throws {
        var scanner = JSONScanner(Array("{}x".utf8))
        #expect(try scanner.next() != nil)
        #expect(throws: JSONScanner.Flaw(message: "invalid character 'x' looking for beginning of value")) {
            _ = try scanner.next()
        }
    }

    /// Each of them was asked of a real etcd 3.5.1.
    @Test(
        "Flaws have Go's words",
        arguments: [
            ("{bad", "invalid character 'b' looking for beginning of object key string"),
            ("{\"key\":", "unexpected EOF"), ("{\"key\":\"", "unexpected EOF"), ("[1", "unexpected EOF"),
            ("{\"key\" 5", "invalid character '5' after object key"),
            ("{\"key\":tru}", "invalid character '}' in literal true (expecting 'e')"),
            ("{\"key\":1.}", "invalid character '}' after decimal point in numeric literal"),
            ("{\"key\":\"a\\x\"}", "invalid character 'x' in string escape code"),
            ("[1 2", "invalid character '2' after array element"),
            ("{\"a\":1 \"b\"", "invalid character '\"' after object key:value pair"),
            ("{\"a\":\"\\u12x\"}", "invalid character 'x' in \\u hexadecimal character escape"),
            ("{\"a\":-}", "invalid character '}' in numeric literal"),
            ("{\"a\":1e}", "invalid character '}' in exponent of numeric literal"),
            ("{\"a\":1,}", "invalid character '}' looking for beginning of object key string"),
            ("\"\n\"", "invalid character '\\n' in string literal"),
            ("\u{1}", "invalid character '\\x01' looking for beginning of value"),
            ("'", "invalid character '\\'' looking for beginning of value"),
        ])
    func flaws(text: String, message: String) {
        #expect(throws: JSONScanner.Flaw(message: message)) { _ = try values(text) }
    }

    @Test("Depth is bounded, and costs no stack")
    func depth() throws {
        let deep = String(repeating: "[", count: JSONScanner.maximumDepth)
        #expect(throws: JSONScanner.Flaw.end) { _ = try values(deep) }
        #expect(throws: JSONScanner.Flaw(message: "exceeded max depth")) { _ = try values(deep + "[") }
        #expect(try values(deep + String(repeating: "]", count: JSONScanner.maximumDepth)).count == 1)
    }

    @Test("What it takes for JSON is what Foundation takes for JSON", arguments: [UInt64.random(in: 0 ... .max)])
    func random(seed: UInt64) throws {
        var random = SeededGenerator(seed)
        let pieces = [
            "{", "}", "[", "]", ",", ":", "\"a\"", "\"\\n\"", "1", "-2.5", "0", "true", "null", " ", "\"", "x",
        ]
        for _ in 0..<3_000 {
            let text = (0..<random.next(below: 9)).map { _ in pieces[random.next(below: pieces.count)] }.joined()
            let isJSON = (try? JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)) != nil
            #expect(((try? values(text))?.count == 1) == isJSON, "seed \(seed): \(text)")
        }
    }
}

/// xorshift64*.
struct SeededGenerator {
    private var state: UInt64

    init(_ seed: UInt64) {
        state = seed | 1
    }

    mutating func next(below bound: Int) -> Int {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return Int((state &* 0x2545_F491_4F6C_DD1D) >> 33) % bound
    }
}
