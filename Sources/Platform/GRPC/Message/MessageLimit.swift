/// What a message that is larger than it may be is answered with; of one that is received in the words of Go's gRPC, which people
/// search for.
enum MessageLimit {
    static func receivedTooLarge(_ bytes: Int, limit: Int) -> GRPCError {
        GRPCError(
            .resourceExhausted, "grpc: received message larger than max (\(bytes) vs. \(limit))", reach: .answered)
    }

    static func tooLarge(_ what: String, of bytes: Int? = nil, limit: Int) -> GRPCError {
        let size = bytes.map { " of \($0) bytes" } ?? ""
        return GRPCError(.resourceExhausted, "\(what)\(size) is above the limit of \(limit)", reach: .answered)
    }
}
