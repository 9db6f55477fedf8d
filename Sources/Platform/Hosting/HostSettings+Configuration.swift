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
    /// `maxConcurrentRequests`, `maxConnections`, `requestTimeoutSeconds`, `readTimeoutSeconds`, `idleTimeoutSeconds`,
    /// `deregistrationDelaySeconds`, `drainTimeoutSeconds`, `leaseTTLSeconds`, `logLevel`. A value that cannot be is named
    /// in `complaints`, and the default holds.
    public init(_ config: ConfigReader) {
        self.init()
        host = config.string(forKey: "host", default: host)
        advertisedHost = config.string(forKey: "advertisedHost")
        zone = config.string(forKey: "zone")
        read("port", in: 0...65_535, from: config, into: \.port)
        read("maxBodyBytes", in: 0...1 << 40, from: config, into: \.maxBodyBytes)
        read("maxHeaderBytes", in: 256...16 << 20, from: config, into: \.maxHeaderBytes)
        read("maxTargetBytes", in: 64...1 << 20, from: config, into: \.maxTargetBytes)
        read("maxConcurrentRequests", in: 1...1_000_000, from: config, into: \.maxConcurrentRequests)
        read("maxConnections", in: 1...1_000_000, from: config, into: \.maxConnections)
        read("requestTimeoutSeconds", from: config, into: \.requestTimeout)
        read("readTimeoutSeconds", from: config, into: \.readTimeout)
        read("idleTimeoutSeconds", from: config, into: \.idleTimeout)
        read("deregistrationDelaySeconds", from: config, into: \.deregistrationDelay)
        read("drainTimeoutSeconds", from: config, into: \.drainTimeout)
        read("leaseTTLSeconds", in: 1...86_400, from: config, into: \.leaseTTLSeconds)
        if let text = config.string(forKey: "logLevel") {
            if let level = Logger.Level(rawValue: text) { logLevel = level } else { complain("logLevel", text) }
        }
    }

    private mutating func read<Number: FixedWidthInteger>(
        _ key: ConfigKey, in range: ClosedRange<Number>, from config: ConfigReader,
        into path: WritableKeyPath<HostSettings, Number>
    ) {
        guard let text = config.string(forKey: key) else { return }
        if let number = Number(text), range.contains(number) {
            self[keyPath: path] = number
        } else {
            complain("\(key)", text)
        }
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
