import ApusCoordination
import Foundation

/// The folder that a shop keeps everything in, and what its operator is told when it cannot be used.
enum DataFolder {
    /// Makes the folder if it is not there. Customers' data: nobody else on the machine may read it.
    ///
    /// - Throws: `StartFailure`.
    static func prepare(_ folder: URL) throws {
        let path = folder.path(percentEncoded: false)
        do {
            try FileManager.default.createDirectory(
                at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: NSNumber(value: 0o700)])
        } catch {
            throw StartFailure(description: "the data folder \(path) cannot be made: \(reason(error)); see --data")
        }
        guard access(path, R_OK | W_OK | X_OK) == 0 else {
            let reason = String(cString: strerror(errno))
            throw StartFailure(description: "the data folder \(path) cannot be written: \(reason); see --data")
        }
    }

    /// Opens the registry in the folder; it locks the folder for this process.
    ///
    /// - Throws: `StartFailure`.
    static func openStore(_ folder: URL) throws -> EmbeddedStore {
        do {
            return try EmbeddedStore(directory: folder.appending(path: "coordination").path(percentEncoded: false))
        } catch let error as CoordinationError where error.code == .locked {
            throw StartFailure(
                description: "another shop runs on the data folder \(folder.path(percentEncoded: false)): "
                    + "\(error.message); stop it, or choose another folder with --data")
        } catch {
            throw StartFailure(description: "the registry cannot be opened: \(error)")
        }
    }

    /// What the system said, without the wrapping.
    private static func reason(_ error: any Error) -> String {
        let outer = error as NSError
        let inner = (outer.userInfo[NSUnderlyingErrorKey] as? any Error).map { $0 as NSError } ?? outer
        guard inner.domain == NSPOSIXErrorDomain else { return outer.localizedDescription }
        return inner.code == EEXIST ? "it is a file" : String(cString: strerror(Int32(inner.code)))
    }
}
