import ApusControlPlane
import Foundation
import NIOSSL

extension ServerOptions {
    /// Nil when no port needs it.
    func clientTLS() throws(ServerFlaw) -> TLSConfiguration? {
        let isNeeded = (listenClientURLs + listenMetricsURLs).contains { $0.scheme.isSecure }
        guard isNeeded else { return nil }
        if client.isEmpty, makesCertificate {
            let (certificate, key) = try SelfSigned.files(
                in: dataFolder, years: certificateYears,
                names: (listenClientURLs + advertiseClientURLs).map(\.host))
            return try Self.configuration(
                TLSFiles(certificate: certificate, key: key), tls, "--auto-tls", "--auto-tls", "--trusted-ca-file")
        }
        return try Self.configuration(client, tls, "--cert-file", "--key-file", "--trusted-ca-file")
    }

    func peerTLS() throws(ServerFlaw) -> TLSConfiguration? {
        guard (listenPeerURLs + initialAdvertisePeerURLs).contains(where: \.scheme.isSecure) else { return nil }
        return try Self.configuration(peer, tls, "--peer-cert-file", "--peer-key-file", "--peer-trusted-ca-file")
    }

    /// A trusted authority means that the other side must show a certificate, as in etcd.
    private static func configuration(
        _ files: TLSFiles, _ choices: TLSChoices, _ certificateFlag: String, _ keyFlag: String,
        _ authoritiesFlag: String
    ) throws(ServerFlaw) -> TLSConfiguration {
        let chain = try read(files.certificate, certificateFlag) { try NIOSSLCertificate.fromPEMFile($0) }
        let key = try read(files.key, keyFlag) { try NIOSSLPrivateKey(file: $0, format: .pem) }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        do {
            configuration.sslContextCallback = try CertificateFiles(
                certificate: files.certificate, key: files.key
            ).callback
        } catch {
            throw ServerFlaw(
                "\(keyFlag): '\(files.key)' is not the key of '\(files.certificate)': \(error)".replacing(
                    "\n", with: " "))
        }
        if !files.authorities.isEmpty {
            let authorities = try read(files.authorities, authoritiesFlag) { try NIOSSLCertificate.fromPEMFile($0) }
            configuration.trustRoots = .certificates(authorities)
            configuration.certificateVerification = .noHostnameVerification
        }
        configuration.minimumTLSVersion = choices.minimum == "TLS1.3" ? .tlsv13 : .tlsv12
        if choices.maximum == "TLS1.2" { configuration.maximumTLSVersion = .tlsv12 }
        if !choices.cipherSuites.isEmpty { configuration.cipherSuiteValues = try ciphers(choices.cipherSuites) }
        return configuration
    }

    private static func read<Value>(
        _ path: String, _ flag: String, _ body: (String) throws -> Value
    ) throws(ServerFlaw) -> Value {
        guard FileManager.default.isReadableFile(atPath: path) else {
            throw ServerFlaw("\(flag): '\(path)' cannot be read")
        }
        do {
            return try body(path)
        } catch {
            throw ServerFlaw("\(flag): '\(path)' holds no PEM of that kind: \(error)".replacing("\n", with: " "))
        }
    }

    private static func ciphers(_ names: [String]) throws(ServerFlaw) -> [NIOTLSCipher] {
        var ciphers: [NIOTLSCipher] = []
        for name in names {
            if tls13.contains(name) { continue }
            guard let cipher = tls12[name] else {
                let known = (tls12.keys.sorted() + tls13).joined(separator: ", ")
                throw ServerFlaw("--cipher-suites: '\(name)' is not offered; choose from \(known)")
            }
            ciphers.append(cipher)
        }
        return ciphers
    }

    /// They cannot be chosen among, in Go as here.
    private static let tls13 = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]

    private static let tls12: [String: NIOTLSCipher] = [
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": .TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": .TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": .TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305": .TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": .TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": .TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": .TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305": .TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ]
}
