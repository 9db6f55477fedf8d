/// All series of one metric name.
struct MetricFamily {
    let kind: MetricKind
    let bounds: [Double]
    let maxSeries: Int
    private var series: [MetricLabels: MetricSeries] = [:]

    init(kind: MetricKind, bounds: [Double], maxSeries: Int) {
        self.kind = kind
        self.bounds = bounds
        self.maxSeries = maxSeries
    }

    mutating func series(_ labels: MetricLabels) -> MetricSeries {
        if let known = series[labels] { return known }
        if series.count >= maxSeries, let shared = series[.overflow] { return shared }
        let kept = series.count >= maxSeries ? MetricLabels.overflow : labels
        let new = MetricSeries(kind: kind, labels: kept, bounds: bounds)
        series[kept] = new
        return new
    }

    /// Whether it was here.
    mutating func remove(_ gone: MetricSeries) -> Bool {
        guard series[gone.labels] === gone else { return false }
        series[gone.labels] = nil
        return true
    }

    func write(name: String, help: String?, to text: inout String) {
        if series.isEmpty { return }
        if let help { text += "# HELP \(name) \(MetricName.escapedHelp(help))\n" }
        text += "# TYPE \(name) \(kind.type)\n"
        for labels in series.keys.sorted(by: { $0.text < $1.text }) {
            switch series[labels]!.value {
            case .number(let value):
                text += "\(name)\(labels.braced()) \(MetricName.number(value))\n"
            case .histogram(let buckets, let sum):
                write(name, labels, buckets, sum, to: &text)
            }
        }
    }

    private func write(
        _ name: String, _ labels: MetricLabels, _ buckets: [UInt64], _ sum: Double, to text: inout String
    ) {
        var count: UInt64 = 0
        for (index, inBucket) in buckets.enumerated() {
            count += inBucket
            let bound = index < bounds.count ? MetricName.number(bounds[index]) : "+Inf"
            text += "\(name)_bucket\(labels.braced(adding: "le=\"\(bound)\"")) \(count)\n"
        }
        text += "\(name)_sum\(labels.braced()) \(MetricName.number(sum))\n"
        text += "\(name)_count\(labels.braced()) \(count)\n"
    }
}

/// Labels as they are written, sorted by name.
struct MetricLabels: Hashable {
    let text: String

    static let overflow = MetricLabels(text: "overflow=\"true\"")

    private init(text: String) {
        self.text = text
    }

    /// The first of two dimensions wins when their names become the same.
    init(_ dimensions: [(String, String)], isHistogram: Bool) {
        var values: [(name: String, value: String)] = []
        for (label, value) in dimensions {
            let name = MetricName.label(label, isHistogram: isHistogram)
            if !values.contains(where: { $0.name == name }) { values.append((name, MetricName.escapedValue(value))) }
        }
        values.sort { $0.name < $1.name }
        text = values.map { "\($0.name)=\"\($0.value)\"" }.joined(separator: ",")
    }

    func braced(adding last: String = "") -> String {
        let all = text.isEmpty || last.isEmpty ? text + last : "\(text),\(last)"
        return all.isEmpty ? "" : "{\(all)}"
    }
}
