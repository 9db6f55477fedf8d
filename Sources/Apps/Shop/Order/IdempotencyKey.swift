/// The client's name for one attempt to order, so that trying again cannot order twice. Its scope is the user.
struct IdempotencyKey: Hashable, Sendable, CustomStringConvertible {
    static let headerName = "Idempotency-Key"
    static let maximumLength = 255

    let text: String

    var description: String { text }

    /// Nil unless `text` is 1 to 255 visible ASCII characters.
    init?(_ text: String) {
        let bytes = text.utf8
        guard (1...Self.maximumLength).contains(bytes.count), bytes.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            return nil
        }
        self.text = text
    }
}
