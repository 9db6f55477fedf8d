import Testing

@testable import shop

struct IdempotencyKeyTests {
    @Test(arguments: ["a", "5e0c3b0e-9b1f-4a43-8d8f-0a8a2b1c7e11", "!~", String(repeating: "x", count: 255)])
    func visibleASCIIUpTo255(_ text: String) {
        #expect(IdempotencyKey(text)?.text == text)
    }

    @Test(arguments: ["", " ", "two words", "tab\t", "ü", "\u{7F}", String(repeating: "x", count: 256)])
    func nothingElse(_ text: String) {
        #expect(IdempotencyKey(text) == nil)
    }
}
