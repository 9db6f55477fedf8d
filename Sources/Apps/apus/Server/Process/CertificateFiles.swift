import ApusPrimitives
import Foundation
import Logging
import NIOCore
import NIOPosix
import NIOSSL

/// A certificate and its key as they are in their files: a renewed pair is shown to the next who connects, as in etcd. One that
/// cannot be read, or whose halves do not fit yet, is not: the last good one goes on, and the log says why.
final class CertificateFiles: Sendable {
    struct Pair: Sendable {
        let chain: [NIOSSLCertificateSource]
        let key: NIOSSLPrivateKeySource

        var changes: NIOSSLContextConfigurationOverride {
            var changes = NIOSSLContextConfigurationOverride()
            changes.certificateChain = chain
            changes.privateKey = key
            return changes
        }
    }

    /// What tells a file from an earlier one under its name.
    private struct Stamp: Equatable {
        var inode: UInt64 = 0
        var bytes = 0
        var seconds = 0
        var nanoseconds = 0

        init(_ path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return }
            inode = UInt64(status.st_ino)
            bytes = Int(status.st_size)
            seconds = Int(status.st_mtim.tv_sec)
            nanoseconds = Int(status.st_mtim.tv_nsec)
        }
    }

    private struct State {
        var pair: Pair
        var stamps: [Stamp]
    }

    private let certificate: String
    private let key: String
    private let logger = Logger(label: "apus.server")
    private let state: Locked<State>

    /// - Throws: what is wrong with the files.
    init(certificate: String, key: String) throws {
        self.certificate = certificate
        self.key = key
        let stamps = [Stamp(certificate), Stamp(key)]
        state = Locked(State(pair: try Self.read(certificate, key), stamps: stamps))
    }

    /// The pair that was read last, when the files are as they were then.
    private func unchanged() -> Pair? {
        let stamps = [Stamp(certificate), Stamp(key)]
        return state.withLock { $0.stamps == stamps ? $0.pair : nil }
    }

    /// The newest pair that can be used.
    private func renewed() -> Pair {
        let stamps = [Stamp(certificate), Stamp(key)]
        do {
            let pair = try Self.read(certificate, key)
            logger.info("a renewed certificate is shown from now on", metadata: ["file": "\(certificate)"])
            state.withLock { $0 = State(pair: pair, stamps: stamps) }
            return pair
        } catch {
            logger.error(
                "a renewed certificate cannot be used, the last one goes on",
                metadata: ["file": "\(certificate)", "reason": "\(error)"])
            return state.withLock { state in
                state.stamps = stamps
                return state.pair
            }
        }
    }

    /// For `TLSConfiguration.sslContextCallback`.
    var callback: NIOSSLContextCallback {
        { _, promise in
            if let pair = self.unchanged() { return promise.succeed(pair.changes) }
            // On another thread, not only because it reads files: BoringSSL keeps errors by thread, and would take that of a bad
            // file for one of the handshake that asks.
            NIOThreadPool.singleton.submit { _ in promise.succeed(self.renewed().changes) }
        }
    }

    private static func read(_ certificate: String, _ key: String) throws -> Pair {
        let pair = Pair(
            chain: try NIOSSLCertificate.fromPEMFile(certificate).map { .certificate($0) },
            key: .privateKey(try NIOSSLPrivateKey(file: key, format: .pem)))
        // It is refused when the key is another certificate's.
        var trial = TLSConfiguration.makeServerConfiguration(certificateChain: pair.chain, privateKey: pair.key)
        trial.trustRoots = .certificates([])
        _ = try NIOSSLContext(configuration: trial)
        return pair
    }
}
