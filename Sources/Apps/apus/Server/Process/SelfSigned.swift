import Crypto
import Foundation
import SwiftASN1
import X509

/// The certificate of --auto-tls: made at the first start, kept in the data folder, made anew when it has run out.
enum SelfSigned {
    /// - Returns: the paths of the certificate and of its key.
    static func files(
        in dataFolder: String, years: Int, names: [String]
    ) throws(ServerFlaw) -> (certificate: String, key: String) {
        let folder = "\(dataFolder)/fixtures/client"
        let paths = (certificate: "\(folder)/cert.pem", key: "\(folder)/key.pem")
        do {
            if let text = try? String(contentsOfFile: paths.certificate, encoding: .utf8),
                let kept = try? Certificate(pemEncoded: text), kept.notValidAfter > Date(),
                FileManager.default.fileExists(atPath: paths.key)
            {
                return paths
            }
            for made in [dataFolder, folder] {
                try FileManager.default.createDirectory(
                    atPath: made, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            }
            let key = Certificate.PrivateKey(P256.Signing.PrivateKey())
            let certificate = try make(key, years: years, names: names)
            try write(key.serializeAsPEM().pemString, to: paths.key)
            try write(certificate.serializeAsPEM().pemString, to: paths.certificate)
            return paths
        } catch {
            throw ServerFlaw("--auto-tls: no certificate could be made in '\(folder)': \(error)")
        }
    }

    private static func make(
        _ key: Certificate.PrivateKey, years: Int, names: [String]
    ) throws -> Certificate {
        let subject = try DistinguishedName { OrganizationName("apus") }
        let now = Date()
        return try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: key.publicKey,
            notValidBefore: now.addingTimeInterval(-60),
            notValidAfter: now.addingTimeInterval(Double(years) * 365 * 86_400), issuer: subject, subject: subject,
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(KeyUsage(digitalSignature: true, keyCertSign: true))
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                try ExtendedKeyUsage([.serverAuth, .clientAuth])
                SubjectAlternativeNames(alternatives(names))
            }, issuerPrivateKey: key)
    }

    private static func alternatives(_ names: [String]) -> [GeneralName] {
        var seen: Set<String> = []
        return (names + ["localhost", "127.0.0.1", "::1"]).filter { !$0.isEmpty && seen.insert($0).inserted }.map {
            name in
            address(name).map { .ipAddress(ASN1OctetString(contentBytes: $0[...])) } ?? .dnsName(name)
        }
    }

    /// The bytes of an IP address; nil for a name.
    static func address(_ text: String) -> [UInt8]? {
        var four = in_addr()
        if inet_pton(AF_INET, text, &four) == 1 { return withUnsafeBytes(of: four) { Array($0) } }
        var six = in6_addr()
        if inet_pton(AF_INET6, text, &six) == 1 { return withUnsafeBytes(of: six) { Array($0) } }
        return nil
    }

    private static func write(_ text: String, to path: String) throws {
        let url = URL(filePath: path)
        try? FileManager.default.removeItem(at: url)
        guard
            FileManager.default.createFile(
                atPath: path, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
        else { throw ServerFlaw("'\(path)' cannot be written") }
    }
}
