import ApusPrimitives
import Foundation

/// The right of a process to run some instances on a data folder that it shares with other processes of the shop.
///
/// A shop in one process has the lock of its registry, `coordination/lock`, alone. Processes that have their registry on
/// a control plane share that lock, so the two forms keep each other out, and an audit waits for the end of both. Each
/// instance has a lock of its own besides: two under one name would take each other's sagas.
final class FolderTenancy: Sendable {
    private let locks: Locked<[FileLock]>

    /// - Throws: `StartFailure`.
    init(_ data: URL, instances: [String]) async throws {
        let path = data.path(percentEncoded: false)
        var locks: [FileLock] = []
        do {
            for folder in ["coordination", "instances"] {
                try FileManager.default.createDirectory(
                    at: data.appending(path: folder), withIntermediateDirectories: true)
            }
            locks.append(try await FileLock(Self.registryLock(data), .shared))
        } catch let held as FileLock.Held {
            throw StartFailure(
                description: "another shop runs on the data folder \(path) with a registry of its own (process "
                    + "\(held.owner)); stop it, or choose another folder with --data")
        } catch {
            throw StartFailure(description: "the data folder \(path) cannot be used: \(error)")
        }
        for instance in instances {
            do {
                let file = data.appending(path: "instances/\(instance).lock").path(percentEncoded: false)
                locks.append(try await FileLock(file, .alone))
            } catch let held as FileLock.Held {
                throw StartFailure(
                    description: "\(instance) runs already on the data folder \(path) (process \(held.owner)); "
                        + "choose another number with --number")
            } catch {
                throw StartFailure(description: "the data folder \(path) cannot be used: \(error)")
            }
        }
        self.locks = Locked(locks)
    }

    func end() {
        locks.withLock { $0 = [] }
    }

    static func registryLock(_ data: URL) -> String {
        data.appending(path: "coordination/lock").path(percentEncoded: false)
    }
}
