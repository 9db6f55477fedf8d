import ApusNode
import ApusPrimitives
import ApusRaft
import Dispatch
import Foundation
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// `raftlog WHAT DEPTH SECONDS FOLDER` measures one thing and prints operations a second.
///
/// `raw`: write and fdatasync of one record in a file whose blocks were written before, by one thread. `chained`: appends to
/// a `RaftLog`, one entry each, `DEPTH` under way, where the answer of one makes the next. `thread`: the same, made by
/// another thread than the log's. `Benchmarks/raftlog.py` runs them alternating.
@main
struct LogBenchmark {
    static let entryBytes = 256
    /// A record with one such entry, as the log writes it.
    static let recordBytes = 320

    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 5, let depth = Int(arguments[2]), let seconds = Double(arguments[3]) else {
            print("usage: raftlog raw|chained|thread DEPTH SECONDS FOLDER")
            return
        }
        let rate =
            switch arguments[1] {
            case "raw": raw(seconds: seconds, folder: arguments[4])
            case "chained": try await log(depth: depth, seconds: seconds, folder: arguments[4], chained: true)
            default: try await log(depth: depth, seconds: seconds, folder: arguments[4], chained: false)
            }
        print(arguments[1], depth, Int(rate))
    }

    private static func raw(seconds: Double, folder: String) -> Double {
        let size = 16 << 20
        let file = open("\(folder)/raw", O_RDWR | O_CREAT | O_TRUNC, 0o600)
        let zeros = [UInt8](repeating: 0, count: size)
        _ = zeros.withUnsafeBytes { pwrite(file, $0.baseAddress, size, 0) }
        _ = fdatasync(file)
        let record = [UInt8](repeating: 7, count: recordBytes)
        var count = 0
        var offset = 0
        let start = ContinuousClock.now
        while ContinuousClock.now - start < .seconds(seconds) {
            if offset + recordBytes > size { offset = 0 }
            _ = record.withUnsafeBytes { pwrite(file, $0.baseAddress, recordBytes, off_t(offset)) }
            _ = fdatasync(file)
            offset += recordBytes
            count += 1
        }
        close(file)
        return Double(count) / ((ContinuousClock.now - start) / .seconds(1))
    }

    private static func log(depth: Int, seconds: Double, folder: String, chained: Bool) async throws -> Double {
        let (log, _) = try RaftLog.open(folder: "\(folder)/log")
        let appender = Appender(log, until: .now + .seconds(seconds))
        let start = ContinuousClock.now
        if chained {
            for _ in 0..<depth { appender.chain() }
        } else {
            Thread.detachNewThread { appender.fill(depth: depth) }
        }
        appender.waitUntilDone()
        let elapsed = ContinuousClock.now - start
        await log.close()
        return Double(appender.durable) / (elapsed / .seconds(1))
    }
}

/// Keeps so many appends under way until a moment.
final class Appender: Sendable {
    private let log: RaftLog
    private let end: ContinuousClock.Instant
    private let command = Bytes([UInt8](repeating: 9, count: LogBenchmark.entryBytes))
    private let made = Locked<UInt64>(0)
    private let durableCount = Atomic(0)
    private let done = DispatchSemaphore(value: 0)

    init(_ log: RaftLog, until end: ContinuousClock.Instant) {
        self.log = log
        self.end = end
    }

    var durable: Int { durableCount.load(ordering: .relaxed) }

    func waitUntilDone() {
        done.wait()
    }

    func chain() {
        append {
            if ContinuousClock.now < self.end { self.chain() } else { self.done.signal() }
        }
    }

    func fill(depth: Int) {
        let room = DispatchSemaphore(value: depth)
        while ContinuousClock.now < end {
            room.wait()
            append { room.signal() }
        }
        for _ in 0..<depth { room.wait() }
        done.signal()
        for _ in 0..<depth { room.signal() }
    }

    private func append(_ then: @escaping @Sendable () -> Void) {
        // In the lock, so that the log gets them in order.
        made.withLock { made in
            made += 1
            let entry = Entry(term: Term(1), index: LogIndex(made), payload: .command(command))
            let write = Write(sequence: made, entries: [entry], mustSync: true)
            do {
                try log.append(write) { result in
                    guard case .success = result else { fatalError("the log failed: \(result)") }  // Safe: a benchmark.
                    self.durableCount.add(1, ordering: .relaxed)
                    then()
                }
            } catch {
                fatalError("the log refused: \(error)")  // Safe: a benchmark.
            }
        }
    }
}
