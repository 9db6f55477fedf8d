import Allocations
import ApusChannels

/// `channel-benchmark WORKLOAD IMPLEMENTATION OPERATIONS` measures one workload and prints a line: nanoseconds and allocations an
/// operation. `Benchmarks/channels.py` runs it, alternating with Go.
@main
struct ChannelBenchmark {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 4, let workload = Workload(rawValue: arguments[1]), let operations = Int(arguments[3])
        else {
            print("usage: channel-benchmark WORKLOAD IMPLEMENTATION OPERATIONS")
            print("workloads: \(Workload.allCases.map(\.rawValue).joined(separator: " "))")
            print("implementations: channel channel-executor channel-executor-1 async-stream async-channel")
            return
        }
        let body = try self.body(workload, arguments[2])
        let executor: (any TaskExecutor)? =
            switch arguments[2] {
            case "channel-executor": ChannelExecutor.shared
            case "channel-executor-1": ChannelExecutor(threads: 1)
            default: nil
            }
        // A warm-up of a tenth; what it allocates once does not count.
        let figures = try await Task.detached(executorPreference: executor) {
            try await body(operations / 10)
            let allocations = allocations_so_far()
            let start = ContinuousClock.now
            try await body(operations)
            let elapsed = ContinuousClock.now - start
            return (elapsed: elapsed, allocations: allocations_so_far() - allocations)
        }.value
        let nanoseconds = figures.elapsed / .nanoseconds(1) / Double(operations)
        print(workload.rawValue, arguments[2], nanoseconds, Double(figures.allocations) / Double(operations))
    }

    static func body(_ workload: Workload, _ implementation: String) throws -> @Sendable (Int) async throws -> Void {
        switch implementation {
        case "async-stream":
            guard let body = workload.withAsyncStream else { throw Missing() }
            return body
        case "async-channel":
            guard let body = workload.withAsyncChannel else { throw Missing() }
            return body
        default:
            return workload.withChannel
        }
    }

    struct Missing: Error {}
}

/// What the Go program of `Peers/gochan` measures too.
enum Workload: String, CaseIterable {
    case pingPong = "ping-pong"
    case oneToOne = "1-1"
    case oneToOneBuffered = "1-1-128"
    case fourToFour = "4-4"
    case fourToFourBuffered = "4-4-128"
    case select = "select-4"
    case selectBuffered = "select-4-128"
    case uncontended = "uncontended"
}
