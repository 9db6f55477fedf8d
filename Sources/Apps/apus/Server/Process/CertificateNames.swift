import Foundation
import NIOSSL
import SwiftASN1
import X509

/// Which certificates count, of those that a trusted authority signed: etcd's "allowed" names.
struct CertificateNames: Sendable, Equatable {
    /// The subject's common name; empty for any.
    var common = ""
    /// A name or an address that it must be for; empty for any.
    var host = ""

    var isEmpty: Bool { common.isEmpty && host.isEmpty }

    /// Nil when every certificate counts.
    var rule: (@Sendable (NIOSSLCertificate) -> Bool)? {
        guard !isEmpty else { return nil }
        return { certificate in
            guard let bytes = try? certificate.toDERBytes(), let parsed = try? Certificate(derEncoded: bytes) else {
                return false
            }
            return accepts(parsed)
        }
    }

    func accepts(_ certificate: Certificate) -> Bool {
        if !common.isEmpty, Self.commonName(of: certificate) != common { return false }
        if host.isEmpty { return true }
        guard let names = try? certificate.extensions.subjectAlternativeNames else { return false }
        let address = SelfSigned.address(host)
        return names.contains { name in
            switch name {
            case .dnsName(let pattern): address == nil && Self.matches(host, pattern)
            case .ipAddress(let bytes): address.map { $0.elementsEqual(bytes.bytes) } ?? false
            default: false
            }
        }
    }

    /// Of several the last, as Go has it.
    private static func commonName(of certificate: Certificate) -> String? {
        certificate.subject.flatMap { $0 }.last { $0.type == .NameAttributes.commonName }.flatMap { String($0.value) }
    }

    /// In any case; a pattern may begin with `*.`, for exactly one label (RFC 6125, section 6.4.3).
    private static func matches(_ host: String, _ pattern: String) -> Bool {
        var (name, pattern) = (host.lowercased(), pattern.lowercased())
        if name.hasSuffix(".") { name.removeLast() }
        if name == pattern { return true }
        guard pattern.hasPrefix("*."), let dot = name.firstIndex(of: "."), dot != name.startIndex else { return false }
        pattern.removeFirst()
        return name[dot...] == pattern
    }
}
