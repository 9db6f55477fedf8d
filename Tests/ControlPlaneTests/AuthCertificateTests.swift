import Testing

@testable import ApusControlPlane

@Suite struct AuthCertificateTests {
    /// A certificate's body with this subject, and nothing in it that does not count.
    private func certificate(subject: [UInt8], version: [UInt8] = [0xA0, 3, 2, 1, 2]) -> [UInt8] {
        let body =
            version + [0x02, 1, 1] + element(0x30, []) + element(0x30, []) + element(0x30, []) + element(0x30, subject)
        return element(0x30, element(0x30, body))
    }

    private func element(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
        let length =
            content.count < 128
            ? [UInt8(content.count)] : [0x82, UInt8(content.count >> 8), UInt8(content.count & 0xFF)]
        return [tag] + length + content
    }

    private func name(_ text: String, kind: UInt8 = 3, tag: UInt8 = 0x0C) -> [UInt8] {
        element(0x31, element(0x30, element(0x06, [0x55, 0x04, kind]) + element(tag, Array(text.utf8))))
    }

    @Test func theCommonNameIsFound() {
        #expect(
            CertificateName.commonName(inDER: certificate(subject: name("Org", kind: 10) + name("alice"))) == "alice")
        #expect(CertificateName.commonName(inDER: certificate(subject: name("alice"), version: [])) == "alice")
        #expect(CertificateName.commonName(inDER: certificate(subject: name("alice", tag: 0x13))) == "alice")
        #expect(CertificateName.commonName(inDER: certificate(subject: name("a") + name("b"))) == "b")
        let long = String(repeating: "x", count: 300)
        #expect(CertificateName.commonName(inDER: certificate(subject: name(long))) == long)
    }

    @Test func thereMayBeNone() {
        #expect(CertificateName.commonName(inDER: certificate(subject: [])) == nil)
        #expect(CertificateName.commonName(inDER: certificate(subject: name("Org", kind: 10))) == nil)
        #expect(CertificateName.commonName(inDER: certificate(subject: name(""))) == nil)
        #expect(CertificateName.commonName(inDER: []) == nil)
    }

    @Test func whatIsCutOffIsNoName() {
        let whole = certificate(subject: name("alice"))
        for count in 0..<whole.count { #expect(CertificateName.commonName(inDER: Array(whole.prefix(count))) == nil) }
    }
}
