import ApusEtcdAPI
import ApusGRPC
import ApusKV
import ApusNode
import ApusPrimitives
import ApusRaft
import Crypto
import Foundation
import NIOPosix
import SwiftProtobuf

extension ControlCore {
    /// Of one message, as etcd.
    private static let pieceBytes = 32 << 10

    /// Sends the state as a database of etcd, and its SHA-256 after it. The state is a copy, written to a temporary file on a thread
    /// of its own: nobody waits for it.
    func sendSnapshot(
        _ head: GRPCRequestHead, to replies: GRPCMessageWriter<EtcdSnapshotResponse>
    ) async throws {
        try await checkMaintenance(head)
        let (path, size) = try await writeDatabase()
        defer { try? FileManager.default.removeItem(atPath: path) }
        let file = try FileHandle(forReadingFrom: URL(filePath: path))
        defer { try? file.close() }
        var hash = SHA256()
        var sent = 0
        while sent < size {
            let piece = try await NIOThreadPool.singleton.runIfActive {
                try file.read(upToCount: Self.pieceBytes) ?? Data()
            }
            guard !piece.isEmpty else { throw EtcdError(.dataLoss, "etcdserver: a snapshot ended early").status }
            hash.update(data: piece)
            sent += piece.count
            let remaining = UInt64(size - sent)
            try await replies.send(
                .with {
                    $0.remainingBytes = remaining
                    $0.blob = piece
                })
        }
        let digest = Data(hash.finalize())
        try await replies.send(.with { $0.blob = digest })
    }

    private func writeDatabase() async throws -> (path: String, size: Int) {
        let machine: ControlMachine
        do throws(EtcdError) {
            machine = try await read(linearizable: false) { machine in machine }
        } catch {
            throw error.status
        }
        // No less than what the machine has: it may have been changed since.
        let status = try await node.status
        let database = MachineDatabase(
            machine: machine, index: status.appliedIndex.rawValue, term: status.raft.standing.term.rawValue)
        let folder = settings.dataFolder
        return try await NIOThreadPool.singleton.runIfActive {
            let path = "\(folder)/snapshot-\(UUID().uuidString).tmp"
            guard FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600])
            else { throw EtcdError(.resourceExhausted, "etcdserver: no room for a snapshot").status }
            do {
                let file = try FileHandle(forWritingTo: URL(filePath: path))
                defer { try? file.close() }
                return (path, try database.write(to: file))
            } catch {
                try? FileManager.default.removeItem(atPath: path)
                throw error
            }
        }
    }
}
