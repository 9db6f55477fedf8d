/// What a message that is larger than it may be is answered with.
enum MessageLimit {
    static func tooLarge(_ what: String, of bytes: Int? = nil, limit: Int) -> GRPCError {
        let size = bytes.map { " of \($0) bytes" } ?? ""
        return GRPCError(.resourceExhausted, "\(what)\(size) is above the limit of \(limit)", reach: .answered)
    }
}
