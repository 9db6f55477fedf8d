import ApusCoordination
import ApusKV
import ApusPrimitives
import Foundation
import Logging
import TestSupport
import Testing

/// Real processes, really killed.
@Suite struct ProcessTests {
    let folder: TemporaryDirectory

    init() throws {
        folder = try TemporaryDirectory()
    }

    @Test func `what was acknowledged is there after kill -9`() async throws {
        let store = folder.file("store")
        let acknowledgements = folder.file("acknowledged")
        try Data().write(to: URL(filePath: acknowledgements))
        var found = 0
        for round in 1...3 {
            await #expect(processExitsWith: .signal(SIGKILL)) {
                [store = store as String, path = acknowledgements as String, round = round as Int] in
                let log = try #require(FileHandle(forWritingAtPath: path))
                try log.seekToEnd()
                let output = Locked(log)
                let written = Locked(0)
                var limits = EmbeddedStoreLimits()
                limits.snapshotAfterLogBytes = 4_000
                let store = try EmbeddedStore(directory: store, limits: limits, logger: .quiet)
                try await withThrowingTaskGroup { group in
                    for writer in 0..<8 {
                        group.addTask {
                            for step in 0... {
                                let key = "\(round)/\(writer)/\(step)"
                                try await store.put(Bytes(key), Bytes("value of \(key)"))
                                try output.withLock { try $0.write(contentsOf: Data("\(key)\n".utf8)) }
                                // In the middle of what the others are doing.
                                let count = written.withLock { count in
                                    count += 1
                                    return count
                                }
                                if count == 100 + 37 * round { kill(getpid(), SIGKILL) }
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
            let keys = try String(contentsOfFile: acknowledgements, encoding: .utf8).split(separator: "\n")
            #expect(keys.count > found)
            found = keys.count
            let again = try EmbeddedStore(directory: store, logger: .quiet)
            for key in keys { #expect(try await again.get(Bytes(key))?.value == Bytes("value of \(key)")) }
            await again.close()
        }
    }

    @Test func `a second process is told who has the folder`() async throws {
        let path = folder.file("store")
        let store = try EmbeddedStore(directory: path, logger: .quiet)
        await #expect(processExitsWith: .success) {
            [path = path as String, owner = ProcessInfo.processInfo.processIdentifier as Int32] in
            let error = #expect(throws: CoordinationError.self) {
                try EmbeddedStore(directory: path, logger: .quiet)
            }
            #expect(error?.code == .locked)
            #expect(error?.message == "the folder \(path) is in use by process \(owner)")
        }
        try await store.put("still", "mine")
        await store.close()
        // The lock of a process that was killed goes with it.
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
            let store = try EmbeddedStore(directory: path, logger: .quiet)
            try await store.put("of", "the dead")
            kill(getpid(), SIGKILL)
        }
        let heir = try EmbeddedStore(directory: path, logger: .quiet)
        #expect(try await heir.list(prefix: "").kvs.isEmpty == false)
        await heir.close()
    }
}
