import Foundation

/// Keeps a data folder from being started as another member, or in another cluster.
enum IdentityFile {
    /// Writes who the folder belongs to, or compares.
    ///
    /// - Throws: `ControlPlaneError` `.badData`.
    static func check(_ identity: ClusterIdentity, in folder: String) throws(ControlPlaneError) {
        let path = "\(folder)/identity"
        let text = "apus 1\ncluster \(identity.clusterID.hex)\nmember \(identity.memberID.hex)\n"
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            guard let found = FileManager.default.contents(atPath: path) else {
                return try Data(text.utf8).write(to: URL(filePath: path), options: .atomic)
            }
            guard String(decoding: found, as: UTF8.self) == text else {
                throw ControlPlaneError(
                    .badData,
                    "\(path) says that the folder belongs to another member or cluster:\n"
                        + String(decoding: found.prefix(256), as: UTF8.self))
            }
        } catch let error as ControlPlaneError {
            throw error
        } catch {
            throw ControlPlaneError(.badData, "the data folder \(folder) cannot be used", cause: error)
        }
    }
}
