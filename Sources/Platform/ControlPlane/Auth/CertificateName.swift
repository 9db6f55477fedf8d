import NIOSSL

/// The common name in a certificate's subject: who its owner is to etcd. Just enough of X.509 (RFC 5280) and DER (X.690) for
/// certificates that TLS has already verified.
enum CertificateName {
    private static let commonName: [UInt8] = [0x55, 0x04, 0x03]

    static func commonName(of certificate: NIOSSLCertificate) -> String? {
        (try? certificate.toDERBytes()).flatMap { commonName(inDER: $0) }
    }

    /// Of several the last, as Go has it; nil when there is none or an empty one.
    static func commonName(inDER bytes: [UInt8]) -> String? {
        var outer = DER(bytes[...])
        guard var certificate = outer.next(0x30), var body = certificate.next(0x30) else { return nil }
        // The version may be left out; then serial number, algorithm, issuer and validity come before the subject.
        _ = body.next(0xA0)
        guard body.next(0x02) != nil, body.next(0x30) != nil, body.next(0x30) != nil, body.next(0x30) != nil,
            var subject = body.next(0x30)
        else { return nil }
        var name: String?
        while var set = subject.next(0x31) {
            while var pair = set.next(0x30) {
                guard let kind = pair.next(0x06), Array(kind.content) == commonName, let value = pair.nextText() else {
                    continue
                }
                name = value
            }
        }
        return name.flatMap { $0.isEmpty ? nil : $0 }
    }

    private struct DER {
        private(set) var content: ArraySlice<UInt8>

        init(_ content: ArraySlice<UInt8>) {
            self.content = content
        }

        /// What is in the next element, if it has this tag.
        mutating func next(_ tag: UInt8) -> DER? {
            guard content.first == tag else { return nil }
            return take()
        }

        /// UTF8String, PrintableString, T61String or IA5String.
        mutating func nextText() -> String? {
            guard let tag = content.first, [0x0C, 0x13, 0x14, 0x16].contains(tag), let text = take() else { return nil }
            return String(validating: text.content, as: UTF8.self)
        }

        private mutating func take() -> DER? {
            var rest = content.dropFirst()
            guard let first = rest.popFirst() else { return nil }
            var length = Int(first)
            if first >= 0x80 {
                // Four bytes of length are more than any certificate has.
                let count = Int(first & 0x7F)
                guard (1...4).contains(count), rest.count >= count else { return nil }
                length = rest.prefix(count).reduce(0) { $0 << 8 | Int($1) }
                rest = rest.dropFirst(count)
            }
            guard rest.count >= length else { return nil }
            content = rest.dropFirst(length)
            return DER(rest.prefix(length))
        }
    }
}
