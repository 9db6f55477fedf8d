import ApusPrimitives
import CoreMetrics

/// A swift-metrics backend that keeps every series in memory and shows them in Prometheus' text format 0.0.4.
///
/// Counters end in `_total`; timers are histograms in seconds whose names end in `_seconds`; recorders that aggregate are
/// histograms; meters, gauges and other recorders are gauges. Names and label names are made valid. A metric holds at
/// most `maxSeries` label combinations: what comes later is added up in one series with the label `overflow="true"`.
public final class PrometheusRegistry: Sendable {
    /// Seconds; from half a millisecond to ten seconds.
    public static let timerBuckets: [Double] = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]
    /// Powers of four, for sizes and counts.
    public static let recorderBuckets: [Double] = [
        1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304,
    ]

    private struct State {
        var families: [String: MetricFamily] = [:]
        /// Which metric a swift-metrics label became, so that a name is made valid only once.
        var names: [MetricKey: String] = [:]
        var help: [String: String] = [:]
    }

    private let state = Locked(State())
    private let maxSeries: Int
    private let buckets: [String: [Double]]
    private let process: ProcessMetrics?

    /// - Parameters:
    ///   - maxSeries: label combinations a metric, at least 1.
    ///   - buckets: other upper bounds for some histograms, by swift-metrics label; sorted, without infinity.
    ///   - includesProcess: whether memory, CPU time and open files of this process are shown too.
    public init(maxSeries: Int = 500, buckets: [String: [Double]] = [:], includesProcess: Bool = true) {
        self.maxSeries = max(1, maxSeries)
        self.buckets = buckets
        process = includesProcess ? ProcessMetrics() : nil
    }

    /// The content type of `exposition()`.
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// Gives a metric its `# HELP` line. - Parameter label: the swift-metrics label.
    public func describe(_ label: String, as kind: MetricKind, _ help: String) {
        state.withLock { state in
            let name = Self.name(of: MetricKey(label: label, kind: kind), in: &state)
            state.help[name] = help
        }
    }

    /// All series, sorted by name and labels.
    public func exposition() -> String {
        let (families, help) = state.withLock { ($0.families, $0.help) }
        var text = ""
        for name in families.keys.sorted() {
            families[name]!.write(name: name, help: help[name], to: &text)
        }
        process?.write(to: &text)
        return text
    }

    func series(label: String, kind: MetricKind, dimensions: [(String, String)]) -> MetricSeries {
        state.withLock { state in
            let name = Self.name(of: MetricKey(label: label, kind: kind), in: &state)
            let labels = MetricLabels(dimensions, isHistogram: kind == .timer || kind == .recorder)
            return state.families[
                name, default: MetricFamily(kind: kind, bounds: bounds(of: label, kind), maxSeries: maxSeries)
            ].series(labels)
        }
    }

    func destroy(_ series: MetricSeries) {
        state.withLock { state in
            for name in state.families.keys where state.families[name]!.remove(series) { return }
        }
    }

    private func bounds(of label: String, _ kind: MetricKind) -> [Double] {
        switch kind {
        case .counter, .gauge: []
        case .timer: buckets[label] ?? Self.timerBuckets
        case .recorder: buckets[label] ?? Self.recorderBuckets
        }
    }

    private static func name(of key: MetricKey, in state: inout State) -> String {
        if let name = state.names[key] { return name }
        var name = MetricName.metric(key.label, kind: key.kind)
        // One name, one type: a second kind under the same label gets a name of its own.
        while let other = state.families[name], other.kind != key.kind { name += "_\(key.kind.rawValue)" }
        state.names[key] = name
        return name
    }
}

struct MetricKey: Hashable {
    let label: String
    let kind: MetricKind
}

/// What a metric is to Prometheus.
public enum MetricKind: String, Hashable, Sendable {
    case counter, gauge
    /// A histogram of durations.
    case timer
    /// A histogram of sizes or counts.
    case recorder

    var type: String {
        switch self {
        case .counter: "counter"
        case .gauge: "gauge"
        case .timer, .recorder: "histogram"
        }
    }
}
