import ApusPrimitives
import CoreMetrics

/// One metric with one combination of labels.
final class MetricSeries: Sendable {
    enum Value {
        case number(Double)
        case histogram(buckets: [UInt64], sum: Double)
    }

    let kind: MetricKind
    let labels: MetricLabels
    let bounds: [Double]
    private let state: Locked<Value>

    init(kind: MetricKind, labels: MetricLabels, bounds: [Double]) {
        self.kind = kind
        self.labels = labels
        self.bounds = bounds
        switch kind {
        case .counter, .gauge: state = Locked(.number(0))
        case .timer, .recorder:
            state = Locked(.histogram(buckets: Array(repeating: 0, count: bounds.count + 1), sum: 0))
        }
    }

    var value: Value { state.withLock { $0 } }

    private func add(_ amount: Double) {
        state.withLock { value in
            if case .number(let before) = value { value = .number(before + amount) }
        }
    }

    private func replace(_ amount: Double) {
        state.withLock { value in
            if case .number = value { value = .number(amount) }
        }
    }

    private func observe(_ amount: Double) {
        let bucket = bounds.firstIndex { amount <= $0 } ?? bounds.count
        state.withLock { value in
            guard case .histogram(var buckets, let sum) = value else { return }
            value = .number(0)  // gives up the reference, so that the array is changed in place
            buckets[bucket] += 1
            value = .histogram(buckets: buckets, sum: sum + amount)
        }
    }
}

extension MetricSeries: CounterHandler, FloatingPointCounterHandler {
    func increment(by amount: Int64) {
        if amount > 0 { add(Double(amount)) }
    }

    func reset() {
        replace(0)
    }
}

extension MetricSeries: MeterHandler {
    func set(_ value: Int64) { replace(Double(value)) }
    func set(_ value: Double) { replace(value) }

    /// A counter only grows: what is not a positive number is no increment.
    func increment(by amount: Double) {
        if kind == .gauge ? amount.isFinite : amount.isFinite && amount > 0 { add(amount) }
    }

    func decrement(by amount: Double) {
        if amount.isFinite { add(-amount) }
    }
}

extension MetricSeries: RecorderHandler {
    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        if kind == .gauge { replace(value) } else if !value.isNaN { observe(value) }
    }
}

extension MetricSeries: TimerHandler {
    func recordNanoseconds(_ duration: Int64) {
        observe(Double(max(0, duration)) / 1e9)
    }
}
