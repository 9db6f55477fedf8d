import Foundation

/// `Tests/GRPCPeers/python/http2_codec.py` as a process that answers each line with a line.
final class PythonPeer {
    struct Gone: Error {}

    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private var rest = Data()

    init(_ role: String) throws {
        let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["python3", tests.appending(path: "GRPCPeers/python/http2_codec.py").path, role]
        process.standardInput = input
        process.standardOutput = output
        try process.run()
    }

    /// The answer to a line; `Gone` when the peer has failed (its reason is on standard error).
    func ask(_ line: String) throws -> String {
        try input.fileHandleForWriting.write(contentsOf: Data((line + "\n").utf8))
        while true {
            if let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                defer { rest = Data(rest[(end + 1)...]) }
                return String(decoding: rest[..<end], as: UTF8.self)
            }
            let more = output.fileHandleForReading.availableData
            guard !more.isEmpty else { throw Gone() }
            rest.append(more)
        }
    }

    deinit {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }
}
