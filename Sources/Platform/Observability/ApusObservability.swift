import ApusPrimitives
public import Logging
import Metrics

/// Sets logging and metrics up, for the whole process.
public enum ApusObservability {
    private static let registry = Locked<PrometheusRegistry?>(nil)

    /// Makes `JSONLogHandler` the log backend and a `PrometheusRegistry` the metrics backend of this process.
    ///
    /// Further calls change nothing and return the registry of the first. It must run before anything else chooses a
    /// backend: swift-log and swift-metrics take only one in the life of a process.
    /// - Parameters:
    ///   - service: what the log lines say where a logger does not say it itself.
    ///   - logLevel: of new loggers.
    ///   - output: takes each line; standard error when it is left out.
    @discardableResult
    public static func bootstrap(
        service: String, instance: String? = nil, logLevel: Logger.Level = .info,
        output: @escaping @Sendable ([UInt8]) -> Void = JSONLogHandler.standardError
    ) -> PrometheusRegistry {
        registry.withLock { registry in
            if let registry { return registry }
            let new = PrometheusRegistry()
            LoggingSystem.bootstrap(
                { label, provider in
                    JSONLogHandler(
                        label: label, service: service, instance: instance, level: logLevel,
                        metadataProvider: provider, output: output)
                }, metadataProvider: nil)
            MetricsSystem.bootstrap(new)
            registry = new
            return new
        }
    }

    /// The registry of `bootstrap`; nil before it.
    public static var current: PrometheusRegistry? { registry.withLock { $0 } }
}
