import ApusKV
import ApusNode
import ApusPrimitives
import ApusRaft
import Crypto
import Foundation

/// Snapshots in files: what `Maintenance.Snapshot` sends, of this server and of etcd alike.
public enum SnapshotArchive {
    /// What is in a snapshot.
    public struct Status: Hashable, Sendable {
        /// CRC-32C over everything, as `etcdctl snapshot status` computes it.
        public let hash: UInt32
        /// Of the last change of a key.
        public let revision: Int64
        /// Of all buckets, etcd's own ones too.
        public let totalKeys: Int
        /// Of the database, without the checksum that may follow it.
        public let totalBytes: Int
    }

    /// Looks at a snapshot.
    /// - Throws: `SnapshotError` when the file is none, or is damaged; what reading it throws.
    public static func status(of path: String) throws -> Status {
        let database = try BoltReader(try contents(of: path, checkingHash: false))
        var crc = CRC32C()
        var (keys, revision) = (0, 0 as Int64)
        try database.forEachBucket { name, root in
            crc.update(name.utf8)
            try database.forEach(in: root) { key, value in
                crc.update(key)
                crc.update(value)
                keys += 1
                if name == "key" { revision = try DatabaseDecoder.revision(key).main }
            }
        }
        return Status(hash: crc.value, revision: revision, totalKeys: keys, totalBytes: database.size)
    }

    /// Makes a data folder from which a server starts as a member of a new cluster: with the keys, leases, users and roles of the
    /// snapshot, and with the members and IDs that the settings give. Every member of the new cluster is restored from the same
    /// snapshot, and then started with the same settings.
    ///
    /// - Parameters:
    ///   - settings: name, data folder (which must not have data yet), cluster token, initial cluster and peer URLs count.
    ///   - checkingHash: refuse a file without the checksum that `snapshot save` puts at its end, such as a copy of a database.
    /// - Throws: `SnapshotError`, `ControlPlaneError` for settings that contradict each other; what the disk refuses.
    public static func restore(
        _ path: String, into settings: ControlPlaneSettings, checkingHash: Bool = true
    ) async throws {
        let plan = try ClusterPlan.founding(settings)
        guard case .founding(let members) = plan.beginning else {
            throw SnapshotError("a cluster is restored as a new one")
        }
        let folder = settings.dataFolder
        if let found = try? FileManager.default.contentsOfDirectory(atPath: folder), !found.isEmpty {
            throw SnapshotError("data-dir \(folder) not empty or could not be read")
        }
        let database = try BoltReader(try contents(of: path, checkingHash: checkingHash))
        let machine = try DatabaseDecoder.machine(from: database, cluster: plan.founders)
        try MemberFile.write(plan, in: folder)
        let storage = try DiskStorage.open(folder: "\(folder)/member")
        do {
            try storage.found(machine, members: members)
        } catch {
            await storage.close()
            throw error
        }
        await storage.close()
    }

    /// The database alone. A file of whole pages and 32 bytes ends with its SHA-256.
    private static func contents(of path: String, checkingHash: Bool) throws -> Data {
        let data = try Data(contentsOf: URL(filePath: path), options: .mappedIfSafe)
        guard data.count % 512 == SHA256.byteCount else {
            if checkingHash { throw SnapshotError("snapshot missing hash but --skip-hash-check=false") }
            return data
        }
        let body = data.prefix(data.count - SHA256.byteCount)
        if checkingHash, Data(SHA256.hash(data: body)) != data.suffix(SHA256.byteCount) {
            throw SnapshotError("expected sha256 is not that of the file: it is damaged")
        }
        return body
    }
}
