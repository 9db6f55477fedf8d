import ApusPrimitives
import ApusRaft
import Dispatch
import Foundation
import TestSupport
import Testing

@testable import ApusNode

/// Real processes on the real disk, really killed.
@Suite struct LogProcessTests {
    private static let lanes = 4
    private static let kills = 50

    @Test func `what was acknowledged is there after kill -9, 200 times`() async throws {
        let directory = try TemporaryDirectory()
        try await withThrowingTaskGroup { group in
            for lane in 0..<Self.lanes {
                group.addTask { try await killAgainAndAgain(directory.file("\(lane)"), seed: UInt64(lane + 1)) }
            }
            try await group.waitForAll()
        }
    }

    private func killAgainAndAgain(_ path: String, seed: UInt64) async throws {
        var random = SeededRandom(seed: seed)
        let acknowledged = path + ".acknowledged"
        try Data().write(to: URL(filePath: acknowledged))
        for round in 1...UInt64(Self.kills) {
            let microseconds = Int.random(in: 0...8_000, using: &random)
            await #expect(processExitsWith: .signal(SIGKILL)) {
                [
                    path = path as String, acknowledged = acknowledged as String, microseconds = microseconds as Int,
                    round = round as UInt64
                ] in
                try LogProcessTests.append(to: path, acknowledged, killedAfter: microseconds, term: round)
            }
            try await check(path, acknowledged, round)
        }
    }

    /// In the process that is killed: appends entries of a term, and says so in a file after each acknowledgement.
    private static func append(to path: String, _ acknowledged: String, killedAfter microseconds: Int, term: UInt64)
        throws
    {
        let output = try #require(FileHandle(forWritingAtPath: acknowledged))
        try output.seekToEnd()
        let (log, found) = try RaftLog.open(folder: path, options: .small)
        DispatchQueue.global().asyncAfter(deadline: .now() + .microseconds(microseconds)) { kill(getpid(), SIGKILL) }
        var make = WriteMaker()
        var last = found.entries.last?.index.rawValue ?? found.snapshot?.index.rawValue ?? 0
        let committed = Locked(found.hardState.commitIndex)
        let room = DispatchSemaphore(value: 8)
        while true {
            room.wait()
            last += 1
            let index = last
            let state = HardState(term: Term(term), commitIndex: committed.withLock { $0 })
            try log.append(make([.test(term, index, bytes: Int(index % 700))], state: state)) { result in
                guard case .success = result else { return }
                try? output.write(contentsOf: Data("\(index) \(term)\n".utf8))
                committed.withLock { $0 = LogIndex(index) }
                room.signal()
            }
            if index == (found.entries.first?.index.rawValue ?? 0) + 60, let first = found.entries.first {
                try log.snapshot(.test(first.term.rawValue, first.index.rawValue), content: [])
                log.compact(through: first.index)
                try log.removeSnapshots(keeping: [])
            }
        }
    }

    private func check(_ path: String, _ acknowledged: String, _ round: UInt64) async throws {
        let (log, found) = try RaftLog.open(folder: path, options: .small)
        await log.close()
        let lines = try String(contentsOfFile: acknowledged, encoding: .utf8).split(
            separator: "\n", omittingEmptySubsequences: true)
        let first = found.snapshot?.index.rawValue ?? 0
        var last: UInt64 = 0
        // A line that was cut off was not told to anybody.
        for line in lines {
            let numbers = line.split(separator: " ").compactMap { UInt64($0) }
            guard numbers.count == 2 else { continue }
            last = max(last, numbers[0])
            guard numbers[0] > first else { continue }
            let entry = found.entries.dropFirst(Int(numbers[0] - first - 1)).first
            #expect(entry == .test(numbers[1], numbers[0], bytes: Int(numbers[0] % 700)), "round \(round)")
        }
        #expect(found.hardState.term.rawValue <= round)
        #expect(found.hardState.commitIndex.rawValue <= last, "only what was acknowledged was called committed")
    }
}
