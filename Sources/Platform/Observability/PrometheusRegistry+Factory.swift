public import CoreMetrics

extension PrometheusRegistry: MetricsFactory {
    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        series(label: label, kind: .counter, dimensions: dimensions)
    }

    public func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        series(label: label, kind: .counter, dimensions: dimensions)
    }

    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        series(label: label, kind: .gauge, dimensions: dimensions)
    }

    public func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        series(label: label, kind: aggregate ? .recorder : .gauge, dimensions: dimensions)
    }

    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        series(label: label, kind: .timer, dimensions: dimensions)
    }

    public func destroyCounter(_ handler: any CounterHandler) {
        if let series = handler as? MetricSeries { destroy(series) }
    }

    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {
        if let series = handler as? MetricSeries { destroy(series) }
    }

    public func destroyMeter(_ handler: any MeterHandler) {
        if let series = handler as? MetricSeries { destroy(series) }
    }

    public func destroyRecorder(_ handler: any RecorderHandler) {
        if let series = handler as? MetricSeries { destroy(series) }
    }

    public func destroyTimer(_ handler: any TimerHandler) {
        if let series = handler as? MetricSeries { destroy(series) }
    }
}
