/// How metadata stands in a list of header fields.
extension GRPCMetadata {
    /// What one field counts for besides its name and value (RFC 9113, section 6.5.2).
    static let entryOverhead = 32

    /// Names that gRPC or HTTP/2 use themselves.
    static func isReserved(_ name: String) -> Bool {
        switch name {
        case "te", "content-type", "user-agent", "connection", "keep-alive", "proxy-connection", "transfer-encoding",
            "upgrade", "host", "content-length":
            true
        default: name.hasPrefix("grpc-") || name.hasPrefix(":")
        }
    }

    /// Checks what is about to be sent.
    ///
    /// - Throws: `GRPCError` with the code `.internalError` and what is wrong with which entry.
    func check(limitBytes: Int) throws(GRPCError) {
        var size = 0
        for entry in entries {
            let name = entry.name
            size += name.utf8.count + Self.entryOverhead
            if Self.isReserved(name) { throw Self.refused("the name '\(name)' is reserved") }
            guard !name.isEmpty, name.utf8.allSatisfy(Self.isNameByte) else {
                throw Self.refused("'\(name)' is not a name of metadata")
            }
            switch entry.value {
            case .text(let text):
                if name.hasSuffix("-bin") { throw Self.refused("'\(name)' takes bytes, not a text") }
                guard text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
                    throw Self.refused("the value of '\(name)' is not printable ASCII; use a name that ends in -bin")
                }
                size += text.utf8.count
            case .binary(let bytes):
                guard name.hasSuffix("-bin") else { throw Self.refused("the name '\(name)' of bytes must end in -bin") }
                size += (bytes.count * 4 + 2) / 3
            }
        }
        guard size <= limitBytes else {
            throw GRPCError(
                .resourceExhausted, "metadata of \(size) bytes, above the limit of \(limitBytes)", reach: .notSent)
        }
    }

    /// Adds a received field; false for binary values that are not Base64. Several binary values may be joined by commas.
    mutating func receive(name: String, value: String) -> Bool {
        guard !Self.isReserved(name) else { return true }
        guard name.hasSuffix("-bin") else {
            entries.append(Entry(name: name, value: .text(value)))
            return true
        }
        for part in value.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            guard let bytes = Base64.decode(part) else { return false }
            entries.append(Entry(name: name, value: .binary(bytes)))
        }
        return true
    }

    private static func refused(_ message: String) -> GRPCError {
        GRPCError(.internalError, message, reach: .notSent)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"),
            UInt8(ascii: "-"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}
