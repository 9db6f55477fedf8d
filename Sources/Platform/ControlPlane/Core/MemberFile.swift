import ApusPrimitives
import ApusStorage
import Foundation

/// The file in the data folder that says which member of which cluster it belongs to, and how the cluster began.
enum MemberFile {
    private static let name = "identity"
    private static let newName = "identity.new"

    /// Nil when the folder has no member.
    ///
    /// - Throws: `ControlPlaneError` `.badData` when the file is damaged.
    static func read(in folder: String) throws(ControlPlaneError) -> ClusterPlan? {
        let path = "\(folder)/\(name)"
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        do {
            let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
            var reader = ByteReader(bytes)
            let checksum = try reader.read(UInt32.self)
            guard CRC32C.checksum(bytes.dropFirst(4)) == checksum else {
                throw ByteReader.Malformed(offset: 0, expected: "the checksum of what follows")
            }
            return try ClusterPlan(decoding: Array(bytes.dropFirst(4)))
        } catch {
            throw ControlPlaneError(.badData, "\(path) cannot be read", cause: error)
        }
    }

    /// Makes the folder, when it is not there. The file is there whole, or not at all.
    ///
    /// - Throws: `ControlPlaneError` `.badData`.
    static func write(_ plan: ClusterPlan, in folder: String) throws(ControlPlaneError) {
        var writer = ByteWriter()
        let content = plan.encoded()
        writer.write(CRC32C.checksum(content))
        writer.write(raw: content)
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            let folder = DiskFolder(path: folder)
            let file = try DiskFile(folder.file(newName), .replace)
            try file.write(writer.bytes, at: 0)
            try file.sync()
            try folder.move(newName, to: name)
            try folder.sync()
        } catch {
            throw ControlPlaneError(.badData, "the data folder \(folder) cannot be written", cause: error)
        }
    }
}
