import ApusEtcd
import ApusGRPC
import ApusPrimitives
import ArgumentParser
import Foundation
import Logging
import NIOSSL

/// What every command takes. A flag wins over `APUSCTL_…` of the environment, and that over `ETCDCTL_…`.
struct GlobalOptions: ParsableArguments {
    @Option(help: "Where the members are, with commas between (127.0.0.1:2379).")
    var endpoints: String?
    @Option(help: "The certificates that a member's must come from, a PEM file.")
    var cacert: String?
    @Option(help: "One's own certificate, a PEM file.")
    var cert: String?
    @Option(help: "The key of one's own certificate, a PEM file.")
    var key: String?
    @Option(help: "name or name:password; a password that is not given is asked for.")
    var user: String?
    @Option(help: "The password of --user.")
    var password: String?
    @Option(name: [.long, .customShort("w")], help: "simple, table, json, fields or protobuf (simple).")
    var writeOut: String?
    @Flag(help: "Print bytes as hexadecimal.")
    var hex = false
    @Option(help: "How long a command may take (5s).")
    var commandTimeout: String?
    @Option(help: "How long connecting may take (2s).")
    var dialTimeout: String?
    @Option(help: .hidden) var keepaliveTime: String?
    @Option(help: .hidden) var keepaliveTimeout: String?
    @Flag(help: .hidden) var debug = false
    @Flag(help: .hidden) var insecureTransport = false
    @Flag(help: .hidden) var insecureDiscovery = false
    @Flag(help: "Take any certificate of a member: for tests only.")
    var insecureSkipTlsVerify = false

    private func value(_ flag: String?, _ name: String) -> String? {
        let environment = ProcessInfo.processInfo.environment
        let found = flag ?? environment["APUSCTL_\(name)"] ?? environment["ETCDCTL_\(name)"]
        return found.flatMap { $0.isEmpty ? nil : $0 }
    }

    private func isSet(_ flag: Bool, _ name: String) -> Bool {
        flag || ["true", "1", "t"].contains(value(nil, name)?.lowercased())
    }

    var endpointList: [String] {
        (value(endpoints, "ENDPOINTS") ?? "127.0.0.1:2379").split(separator: ",").map {
            $0.trimmingCharacters(in: .whitespaces)
        }
    }

    func output() throws -> CtlOutput {
        let name = value(writeOut, "WRITE_OUT") ?? "simple"
        guard let format = CtlOutput.Format(rawValue: name) else {
            throw CtlFailure(.badFeature, "unsupported output format")
        }
        return CtlOutput(format: format, isHex: isSet(hex, "HEX"))
    }

    func settings() throws -> EtcdClientSettings {
        var settings = EtcdClientSettings()
        settings.callTimeout = try duration(commandTimeout, "COMMAND_TIMEOUT") ?? .seconds(5)
        settings.dialTimeout = try duration(dialTimeout, "DIAL_TIMEOUT") ?? .seconds(2)
        settings.keepaliveInterval = try duration(keepaliveTime, "KEEPALIVE_TIME") ?? settings.keepaliveInterval
        settings.keepaliveTimeout = try duration(keepaliveTimeout, "KEEPALIVE_TIMEOUT") ?? settings.keepaliveTimeout
        settings.patience = .zero
        settings.startsAnywhere = false
        settings.tls = try tls()
        settings.user = try credentials()
        return settings
    }

    private func duration(_ flag: String?, _ name: String) throws -> Duration? {
        guard let text = value(flag, name) else { return nil }
        guard let duration = GoDuration.parse(text), duration > .zero else {
            throw CtlFailure.arguments("'\(text)' is not a duration: it is written 5s, 300ms or 1m30s")
        }
        return duration
    }

    private func tls() throws -> TLSConfiguration? {
        let (authority, certificate) = (value(cacert, "CACERT"), value(cert, "CERT"))
        let key = value(key, "KEY")
        let trustsAll = isSet(insecureSkipTlsVerify, "INSECURE_SKIP_TLS_VERIFY")
        guard authority != nil || certificate != nil || key != nil || trustsAll else { return nil }
        var tls = TLSConfiguration.makeClientConfiguration()
        do {
            if let authority { tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(authority)) }
            if let certificate, let key {
                tls.certificateChain = try NIOSSLCertificate.fromPEMFile(certificate).map { .certificate($0) }
                tls.privateKey = .privateKey(try NIOSSLPrivateKey(file: key, format: .pem))
            } else if certificate != nil || key != nil {
                throw CtlFailure.arguments("--cert and --key go together")
            }
        } catch let failure as CtlFailure {
            throw failure
        } catch {
            throw CtlFailure.arguments("the certificates cannot be read: \(error)")
        }
        if trustsAll { tls.certificateVerification = .none }
        return tls
    }

    private func credentials() throws -> EtcdClientSettings.User? {
        guard let user = value(user, "USER") else { return nil }
        if let password = value(password, "PASSWORD") { return .init(name: user, password: password) }
        guard let colon = user.firstIndex(of: ":") else {
            return .init(name: user, password: try CtlInput.secret("Password: "))
        }
        return .init(name: String(user[..<colon]), password: String(user[user.index(after: colon)...]))
    }
}
