import ApusEtcd
import ArgumentParser
import Foundation
import Logging
import NIOSSL

/// Where the control plane is that processes of a shop have in common, and how it is asked.
struct ControlPlaneAccess: Sendable, Equatable {
    struct User: Sendable, Equatable {
        let name: String
        let password: String
    }

    /// At least one, as `EtcdEndpoint` reads them.
    var endpoints: [String]
    var user: User?
    /// Paths of PEM files.
    var authority: String?
    var certificate: String?
    var key: String?

    /// The text of each setting as it came; nil where it was not given.
    struct Given: Sendable {
        var endpoints: String?
        var user: String?
        var cacert: String?
        var cert: String?
        var key: String?
    }

    init(endpoints: [String]) {
        self.endpoints = endpoints
    }

    /// Nil when no endpoint was given: then there is no control plane.
    ///
    /// - Throws: `ValidationError`, as `RunSettings`.
    init?(flags: Given, environment: [String: String]) throws {
        func pick(_ flag: String?, _ flagName: String, _ variable: String) -> (text: String, name: String)? {
            RunSettings.pick(flag, flagName, environment, variable)
        }
        let user = pick(flags.user, "--user", "SHOP_USER")
        let cacert = pick(flags.cacert, "--cacert", "SHOP_CACERT")
        let cert = pick(flags.cert, "--cert", "SHOP_CERT")
        let key = pick(flags.key, "--key", "SHOP_KEY")
        guard let (text, name) = pick(flags.endpoints, "--endpoints", "SHOP_ENDPOINTS") else {
            if let lone = [user, cacert, cert, key].compactMap({ $0 }).first {
                throw ValidationError("\(lone.name): it is for a control plane; say where that is with --endpoints")
            }
            return nil
        }
        endpoints = text.split(separator: ",", omittingEmptySubsequences: false).map {
            $0.trimmingCharacters(in: .whitespaces)
        }
        if let wrong = endpoints.first(where: { EtcdEndpoint($0) == nil }) {
            throw ValidationError("\(name): '\(wrong)' is not an endpoint; give one like http://127.0.0.1:2379")
        }
        if let user {
            guard let colon = user.text.firstIndex(of: ":"), colon != user.text.startIndex else {
                throw ValidationError("\(user.name): give name:password")
            }
            self.user = User(
                name: String(user.text[..<colon]), password: String(user.text[user.text.index(after: colon)...]))
        }
        if let half = [cert, key].compactMap({ $0 }).first, cert == nil || key == nil {
            throw ValidationError("\(half.name): --cert and --key go together")
        }
        (authority, certificate, self.key) = (cacert?.text, cert?.text, key?.text)
    }

    /// For a process that is to use the same control plane: a password is nothing for a command line.
    var environment: [String: String] {
        var variables = ["SHOP_ENDPOINTS": endpoints.joined(separator: ",")]
        variables["SHOP_USER"] = user.map { "\($0.name):\($0.password)" }
        variables["SHOP_CACERT"] = authority
        variables["SHOP_CERT"] = certificate
        variables["SHOP_KEY"] = key
        return variables
    }

    /// - Throws: `StartFailure` for a certificate or a key that cannot be read.
    func openStore(logger: Logger) throws -> EtcdStore {
        var settings = EtcdClientSettings()
        settings.user = user.map { .init(name: $0.name, password: $0.password) }
        settings.tls = try tls()
        do {
            return try EtcdStore(endpoints, settings: settings, logger: logger)
        } catch {
            throw StartFailure(description: "the control plane cannot be used: \(error)")
        }
    }

    private func tls() throws -> TLSConfiguration? {
        guard authority != nil || certificate != nil else { return nil }
        var tls = TLSConfiguration.makeClientConfiguration()
        do {
            if let authority { tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(authority)) }
            if let certificate, let key {
                tls.certificateChain = try NIOSSLCertificate.fromPEMFile(certificate).map { .certificate($0) }
                tls.privateKey = .privateKey(try NIOSSLPrivateKey(file: key, format: .pem))
            }
        } catch {
            throw StartFailure(description: "the certificates for the control plane cannot be read: \(error)")
        }
        return tls
    }
}
