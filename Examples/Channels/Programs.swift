import ApusChannels
import ApusPrimitives

/// The classic programs of the Go world: `swift run channels ping-pong`, or without a name, all of them.
@main
struct Programs {
    static func main() async throws {
        let names = CommandLine.arguments.dropFirst()
        let programs = names.isEmpty ? Program.allCases : names.compactMap(Program.init(rawValue:))
        guard programs.count == (names.isEmpty ? Program.allCases.count : names.count) else {
            print("usage: channels [\(Program.allCases.map(\.rawValue).joined(separator: " | "))] …")
            return
        }
        for program in programs {
            print("\(program.rawValue): \(try await program.run())")
        }
    }
}

enum Program: String, CaseIterable {
    case pingPong = "ping-pong"
    case producersConsumers = "producers-consumers"
    case workerPool = "worker-pool"
    case pipeline
    case primeSieve = "prime-sieve"
    case fanIn = "fan-in"
    case rateLimit = "rate-limit"
    case scatterGather = "scatter-gather"

    func run() async throws -> String {
        switch self {
        case .pingPong:
            let touches = try await playPingPong(rounds: 10_000)
            return "the ball was touched \(touches) times"
        case .producersConsumers:
            let eaten = try await produceAndConsume(producers: 3, consumers: 2, each: 1_000)
            return "\(eaten.count) consumers ate \(eaten.reduce(0, +)) of 3000"
        case .workerPool:
            let results = try await runWorkerPool(workers: 4, jobs: Array(1...20))
            return results.sorted { $0.job < $1.job }.map { "\($0.job)² = \($0.result)" }.joined(separator: ", ")
        case .pipeline:
            return "the squares of the even numbers up to 100 sum to \(try await runPipeline(upTo: 100))"
        case .primeSieve:
            return try await sievePrimes(count: 25).map(String.init).joined(separator: " ")
        case .fanIn:
            return try await listen(to: ["Joe", "Ann"], sayings: 4).joined(separator: "; ")
        case .rateLimit:
            let moments = try await sendAtLimitedRate(requests: 6, burst: 3, every: .milliseconds(20))
            return "6 requests, the first 3 at once, the last after \(moments[5] - moments[0])"
        case .scatterGather:
            let found = try await readFromReplicas(of: 5, within: .milliseconds(200))
            return "\(found.answers.map(\.source.name)) answered, no need to wait for \(found.unanswered.map(\.name))"
        }
    }
}
