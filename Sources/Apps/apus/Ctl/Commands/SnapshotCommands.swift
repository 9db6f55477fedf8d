import ApusEtcd
import ApusEtcdAPI
import ApusGRPC
import ArgumentParser
import Crypto
import Foundation
import SwiftProtobuf

struct SnapshotCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "snapshot", abstract: "Copies of all data, for the day that a cluster is lost.",
        subcommands: [Save.self, Status.self, Restore.self])

    struct Save: CtlLeaf {
        static let configuration = CommandConfiguration(
            abstract: "Write all data of one member into a file.",
            discussion: "The members go on serving meanwhile. The file is there when it is whole, or not at all.")
        @Argument(help: "The file.") var words: [String] = []
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: CtlSession) async throws {
            guard words.count == 1 else {
                throw CtlFailure.arguments("snapshot save expects one argument")
            }
            guard session.client.endpoints.count == 1 else {
                throw CtlFailure.arguments(
                    "snapshot must be requested to one selected node, not multiple \(session.given)")
            }
            let (path, part) = (words[0], words[0] + ".part")
            do {
                try await session.client.snapshot { pieces in
                    var file = try SnapshotFile(part)
                    while let piece = try await pieces.next() {
                        try file.write(piece.blob, left: piece.remainingBytes)
                    }
                    try file.close()
                }
                guard rename(part, path) == 0 else {
                    throw CtlFailure(.error, "\(part) cannot be renamed to \(path)")
                }
            } catch {
                try? FileManager.default.removeItem(atPath: part)
                throw error
            }
            print("Snapshot saved at \(path)")
        }
    }
}

/// What arrives of a snapshot: its last 32 bytes are the SHA-256 of those before.
private struct SnapshotFile {
    private let handle: FileHandle
    private var hash = SHA256()
    /// The newest bytes: the hash, when no more come.
    private var last = Data()
    private var written = 0
    private let shows = isatty(STDERR_FILENO) == 1

    init(_ path: String) throws {
        guard FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600]),
            let handle = FileHandle(forWritingAtPath: path)
        else { throw CtlFailure(.error, "\(path) cannot be written") }
        self.handle = handle
    }

    mutating func write(_ bytes: Data, left: UInt64) throws {
        try handle.write(contentsOf: bytes)
        written += bytes.count
        last += bytes
        if last.count > SHA256.byteCount {
            hash.update(data: last.dropLast(SHA256.byteCount))
            last = Data(last.suffix(SHA256.byteCount))
        }
        if shows {
            let whole = Int64(written) + Int64(clamping: left)
            let text = "\rsnapshot: \(GoText.size(Int64(written))) of \(GoText.size(whole))   "
            FileHandle.standardError.write(Data((left == 0 ? text + "\n" : text).utf8))
        }
    }

    /// - Throws: `CtlFailure` when the bytes are not those that were sent.
    mutating func close() throws {
        guard last.count == SHA256.byteCount, Data(hash.finalize()) == last else {
            throw CtlFailure(.error, "the snapshot was damaged on its way, or is not whole: its SHA-256 does not fit")
        }
        try handle.synchronize()
        try handle.close()
    }
}
