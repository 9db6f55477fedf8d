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
    @discardableResult
    public static func bootstrap(
        service: String, instance: String? = nil, logLevel: Logger.Level = .info
    ) -> PrometheusRegistry {
        registry.withLock { registry in
            if let registry { return registry }
            let new = PrometheusRegistry()
            LoggingSystem.bootstrap(
                { label, provider in
                    JSONLogHandler(
                        label: label, service: service, instance: instance, level: logLevel,
                        metadataProvider: provider)
                }, metadataProvider: nil)
            MetricsSystem.bootstrap(new)
            registry = new
            return new
        }
    }

    /// The registry of `bootstrap`; nil before it.
    public static var current: PrometheusRegistry? { registry.withLock { $0 } }
}
