import ApusPrimitives
package import ApusStorage
import Foundation

/// A disk that loses power: after some number of operations nothing works any more, and of what was not synced each
/// sector, and each name of a file, may or may not have arrived.
package final class SimulatedDisk: Sendable {
    private enum Change {
        case write(offset: Int, bytes: [UInt8])
        case truncate(length: Int)
        case allocate(length: Int)
    }

    private struct File {
        var synced: [UInt8] = []
        var pending: [Change] = []
    }

    private struct State {
        var random: SeededRandom
        var operationsLeft: Int
        var isDead = false
        var files: [Int: File] = [:]
        /// Numbers of inodes are used again; these are not.
        var idByInode: [UInt64: Int] = [:]
        var syncedNames: [String: Int] = [:]
    }

    private static let sectorBytes = 512
    package let folder: String
    private let writesShort: Bool
    private let state: Locked<State>

    /// - Parameters:
    ///   - folder: what is in it, if it is there, is on the disk.
    ///   - operations: the power goes with the last of so many.
    ///   - writesShort: some writes take only the beginning of what they are given.
    package init(folder: String, seed: UInt64, operations: Int, writesShort: Bool = false) throws {
        self.folder = folder
        self.writesShort = writesShort
        state = Locked(State(random: SeededRandom(seed: seed), operationsLeft: operations))
        guard FileManager.default.fileExists(atPath: folder) else { return }
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
            let content = Array(try Data(contentsOf: URL(filePath: folder + "/" + name)))
            state.withLock { state in
                let id = Self.id(of: Self.status(folder + "/" + name), in: &state)
                state.files[id]?.synced = content
                state.syncedNames[name] = id
            }
        }
    }

    package var isDead: Bool { state.withLock { $0.isDead } }

    package var disk: Disk {
        Disk(
            write: { file, bytes, offset in
                let count = self.length(ofWrite: bytes.count, at: offset)
                let taken = UnsafeRawBufferPointer(rebasing: bytes[..<count])
                return self.change(file, .write(offset: offset, bytes: Array(taken))) {
                    Disk.posix.write(file, taken, offset)
                }
            },
            sync: { file in self.sync(file) },
            truncate: { file, length in
                self.change(file, .truncate(length: length)) { Disk.posix.truncate(file, length) }
            },
            allocate: { file, length in
                self.change(file, .allocate(length: length)) { Disk.posix.allocate(file, length) }
            })
    }

    /// A system's cache takes pages, so that a short write ends with a sector.
    private func length(ofWrite count: Int, at offset: Int) -> Int {
        guard writesShort, count > 1 else { return count }
        return state.withLock { state in
            guard Int.random(in: 0..<4, using: &state.random) == 0 else { return count }
            let end = DiskSectors.end(after: offset + Int.random(in: 0..<count, using: &state.random))
            return min(end - offset, count)
        }
    }

    private func change(_ file: Int32, _ change: Change, _ body: () -> Int) -> Int {
        state.withLock { state in
            if state.isDead { return -Int(EIO) }
            let id = Self.id(of: Self.status(file), in: &state)
            // Power may go before or after the drive got it.
            state.operationsLeft -= 1
            state.isDead = state.operationsLeft <= 0
            state.files[id]?.pending.append(change)
            return state.isDead ? -Int(EIO) : body()
        }
    }

    private func sync(_ file: Int32) -> Int {
        state.withLock { state in
            if state.isDead { return -Int(EIO) }
            state.operationsLeft -= 1
            state.isDead = state.operationsLeft <= 0
            // The last may have been done, though nobody hears of it.
            if state.isDead, Bool.random(using: &state.random) { return -Int(EIO) }
            let status = Self.status(file)
            if status.st_mode & S_IFMT == S_IFDIR {
                if status.st_ino == Self.status(folder).st_ino { state.syncedNames = names(&state) }
            } else {
                let id = Self.id(of: status, in: &state)
                if let content = state.files[id].map({ Self.content($0) { _ in true } }) {
                    state.files[id] = File(synced: content)
                }
            }
            return state.isDead ? -Int(EIO) : 0
        }
    }

    /// What is found after the power is back, written to another folder. The store must be closed.
    package func recover(to target: String) throws {
        let found = state.withLock { state in
            let now = self.names(&state)
            // Each name by itself: file systems promise no order between folder syncs.
            let names = Set(now.keys).union(state.syncedNames.keys).sorted().compactMap { name in
                (Bool.random(using: &state.random) ? now[name] : state.syncedNames[name]).map { (name, $0) }
            }
            return names.map { name, id in
                var random = state.random
                defer { state.random = random }
                let file = state.files[id] ?? File()
                return (name, Self.content(file) { _ in Bool.random(using: &random) })
            }
        }
        try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
        for (name, content) in found { try Data(content).write(to: URL(filePath: target + "/" + name)) }
    }

    /// The synced content, and of each sector of what came after it whatever `arrives`.
    private static func content(_ file: File, arrives: (Int) -> Bool) -> [UInt8] {
        var content = file.synced
        for change in file.pending {
            switch change {
            case .truncate(let length): if arrives(0) { content.removeLast(max(0, content.count - length)) }
            case .allocate(let length):
                if arrives(0) { content += [UInt8](repeating: 0, count: max(0, length - content.count)) }
            case .write(let offset, let bytes):
                var start = 0
                while start < bytes.count {
                    let end = min(bytes.count, start + sectorBytes - (offset + start) % sectorBytes)
                    if arrives(start) {
                        let missing = offset + end - content.count
                        if missing > 0 { content += [UInt8](repeating: 0, count: missing) }
                        content.replaceSubrange(offset + start..<offset + end, with: bytes[start..<end])
                    }
                    start = end
                }
            }
        }
        return content
    }

    private func names(_ state: inout State) -> [String: Int] {
        var names: [String: Int] = [:]
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
            names[name] = Self.id(of: Self.status(folder + "/" + name), in: &state)
        }
        return names
    }

    private static func id(of status: stat, in state: inout State) -> Int {
        let inode = UInt64(status.st_ino)
        // An empty file with an old inode's number is a new file, or one that was emptied, which is the same here.
        if let id = state.idByInode[inode], status.st_size > 0 || state.files[id]?.synced.isEmpty == true { return id }
        let id = state.files.count
        state.idByInode[inode] = id
        state.files[id] = File()
        return id
    }

    private static func status(_ file: Int32) -> stat {
        var result = stat()
        fstat(file, &result)
        return result
    }

    private static func status(_ path: String) -> stat {
        var result = stat()
        stat(path, &result)
        return result
    }
}
