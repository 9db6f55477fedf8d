import ApusChannels

/// A copy of the data on some machine; here it only takes its time.
struct Replica: Sendable, CustomStringConvertible {
    struct IsDown: Error {}

    let name: String
    let latency: Duration
    let isDown: Bool

    var description: String { name }

    func read(on time: TimeSource) async throws -> String {
        try await time.sleep(for: latency)
        if isDown { throw IsDown() }
        return "the value, from \(name)"
    }
}

/// Asks all replicas and takes the answer of a majority: the slowest are not waited for, and one may be down.
func readFromReplicas(
    of count: Int, within limit: Duration, time: TimeSource = .continuous
) async throws -> Gathered<Replica, String> {
    let replicas = (1...count).map { number in
        Replica(name: "replica \(number)", latency: .milliseconds(10 * number), isDown: number == 2)
    }
    return try await gather(from: replicas, until: .majority, within: limit, time: time) { replica in
        try await replica.read(on: time)
    }
}
