import ApusResilience
public import Configuration
import Logging

extension HostSettings {
    /// The settings in the environment: `APUS_PORT`, `APUS_MAX_BODY_BYTES` and so on.
    public static var environment: HostSettings {
        HostSettings(ConfigReader(provider: EnvironmentVariablesProvider()).scoped(to: "apus"))
    }

    /// Reads what `config` has and leaves the rest at its default.
    ///
    /// Keys: `host`, `port`, `advertisedHost`, `zone`, `maxBodyBytes`, `maxHeaderBytes`, `maxTargetBytes`,
    /// `maxConcurrentRequests`, `minConcurrentRequests`, `maxRequestsPerSecond`, `maxRequestBurst`, `maxConnections`,
    /// `requestTimeoutSeconds`, `readTimeoutSeconds`, `idleTimeoutSeconds`, `deregistrationDelaySeconds`,
    /// `drainTimeoutSeconds`, `leaseTTLSeconds`, `logLevel`. A value that cannot be is named in `complaints`, and the
    /// default holds.
    public init(_ config: ConfigReader) {
        self.init()
        host = config.string(forKey: "host", default: host)
        advertisedHost = config.string(forKey: "advertisedHost")
        zone = config.string(forKey: "zone")
        read("port", in: 0...65_535, from: config, into: \.port)
        read("maxBodyBytes", in: Self.bodyBytes, from: config, into: \.maxBodyBytes)
        read("maxHeaderBytes", in: 256...16 << 20, from: config, into: \.maxHeaderBytes)
        read("maxTargetBytes", in: 64...1 << 20, from: config, into: \.maxTargetBytes)
        read("maxConcurrentRequests", in: Self.concurrency, from: config, into: \.maxConcurrentRequests)
        read("minConcurrentRequests", in: Self.concurrency, from: config, into: \.minConcurrentRequests)
        readRateLimit(from: config)
        read("maxConnections", in: Self.connections, from: config, into: \.maxConnections)
        read("requestTimeoutSeconds", from: config, into: \.requestTimeout)
        read("readTimeoutSeconds", from: config, into: \.readTimeout)
        read("idleTimeoutSeconds", from: config, into: \.idleTimeout)
        read("deregistrationDelaySeconds", from: config, into: \.deregistrationDelay)
        read("drainTimeoutSeconds", from: config, into: \.drainTimeout)
        read("leaseTTLSeconds", in: Self.leaseSeconds, from: config, into: \.leaseTTLSeconds)
        if let text = config.string(forKey: "logLevel") {
            if let level = Logger.Level(rawValue: text) { logLevel = level } else { complain("logLevel", text) }
        }
    }

    /// Without `maxRequestsPerSecond` there is no limit, and the burst means nothing.
    private mutating func readRateLimit(from config: ConfigReader) {
        let perSecond: Int? = number("maxRequestsPerSecond", in: 1...1_000_000, from: config)
        let burst: Int? = number("maxRequestBurst", in: 1...1_000_000, from: config)
        guard let perSecond else { return }
        rateLimit = RateLimiter.Configuration(permits: perSecond, per: .seconds(1), burst: burst)
    }

    private mutating func read<Number: FixedWidthInteger>(
        _ key: ConfigKey, in range: ClosedRange<Number>, from config: ConfigReader,
        into path: WritableKeyPath<HostSettings, Number>
    ) {
        if let number = number(key, in: range, from: config) { self[keyPath: path] = number }
    }

    /// Nil, with a complaint when there is something else than a number in range.
    private mutating func number<Number: FixedWidthInteger>(
        _ key: ConfigKey, in range: ClosedRange<Number>, from config: ConfigReader
    ) -> Number? {
        guard let text = config.string(forKey: key) else { return nil }
        if let number = Number(text), range.contains(number) { return number }
        complain("\(key)", text)
        return nil
    }

    private mutating func read(
        _ key: ConfigKey, from config: ConfigReader, into path: WritableKeyPath<HostSettings, Duration>
    ) {
        guard let text = config.string(forKey: key) else { return }
        if let seconds = Double(text), (0...86_400).contains(seconds) {
            self[keyPath: path] = .seconds(seconds)
        } else {
            complain("\(key)", text)
        }
    }

    private mutating func complain(_ key: String, _ text: String) {
        complaints.append("\(key) cannot be \"\(text)\": the default holds")
    }
}
