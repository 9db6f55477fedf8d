public import ApusResilience

extension HostSettings {
    /// How requests are let in: what the host's policy begins with.
    ///
    /// Services answer quick and slow requests side by side, so latencies may double before the limit falls, and it falls to
    /// `minConcurrentRequests` at most.
    public var admission: ResiliencePolicy.Configuration {
        let settings = withinBounds
        return ResiliencePolicy.Configuration(
            rateLimit: rateLimit,
            loadShedding: ConcurrencyLimit.Configuration(
                initialLimit: settings.maxConcurrentRequests, minimumLimit: settings.minConcurrentRequests,
                maximumLimit: settings.maxConcurrentRequests, tolerance: 2))
    }

    /// The same with each bound moved to the nearest that a service can work with, and a complaint for each that moved.
    var withinBounds: HostSettings {
        var settings = self
        settings.move("maxConcurrentRequests", \.maxConcurrentRequests, into: Self.concurrency)
        settings.move("minConcurrentRequests", \.minConcurrentRequests, into: Self.concurrency)
        // Who only lowers the most means that the least is lower too.
        settings.minConcurrentRequests = min(settings.minConcurrentRequests, settings.maxConcurrentRequests)
        settings.move("maxConnections", \.maxConnections, into: Self.connections)
        settings.move("maxBodyBytes", \.maxBodyBytes, into: Self.bodyBytes)
        settings.move("leaseTTLSeconds", \.leaseTTLSeconds, into: Self.leaseSeconds)
        return settings
    }

    static let concurrency = 1...100_000
    static let connections = 1...1_000_000
    static let bodyBytes = 0...1 << 40
    static let leaseSeconds: ClosedRange<Int64> = 1...86_400

    private mutating func move<Number: FixedWidthInteger>(
        _ name: String, _ path: WritableKeyPath<HostSettings, Number>, into range: ClosedRange<Number>
    ) {
        let given = self[keyPath: path]
        guard !range.contains(given) else { return }
        let moved = min(max(given, range.lowerBound), range.upperBound)
        self[keyPath: path] = moved
        complaints.append("\(name) cannot be \(given): \(moved) holds")
    }
}
