import ApusObservability
import Dispatch
import Metrics
import Testing

@Suite struct PrometheusTests {
    let registry = PrometheusRegistry(maxSeries: 3, includesProcess: false)

    @Test func countersEndInTotal() {
        Counter(label: "orders.created", dimensions: [("kind", "web")], factory: registry).increment(by: 2)
        Counter(label: "orders.created", dimensions: [("kind", "web")], factory: registry).increment()
        FloatingPointCounter(label: "paid_total", factory: registry).increment(by: 1.5)
        #expect(
            registry.exposition() == """
                # TYPE orders_created_total counter
                orders_created_total{kind="web"} 3
                # TYPE paid_total counter
                paid_total 1.5

                """)
    }

    @Test func gaugesMove() {
        let meter = Meter(label: "in flight", factory: registry)
        meter.increment(by: 3)
        meter.decrement()
        Gauge(label: "temperature", factory: registry).record(-1.25)
        #expect(registry.exposition().contains("in_flight 2\n"))
        #expect(registry.exposition().contains("temperature -1.25\n"))
    }

    @Test func timersAreHistogramsInSeconds() {
        let registry = PrometheusRegistry(buckets: ["work": [0.1, 1]], includesProcess: false)
        let timer = Timer(label: "work", dimensions: [("step", "a")], factory: registry)
        timer.recordMilliseconds(50)
        timer.recordMilliseconds(100)
        timer.recordSeconds(2)
        registry.describe("work", as: .timer, "What it took.\nReally")
        #expect(
            registry.exposition() == """
                # HELP work_seconds What it took.\\nReally
                # TYPE work_seconds histogram
                work_seconds_bucket{step="a",le="0.1"} 2
                work_seconds_bucket{step="a",le="1"} 2
                work_seconds_bucket{step="a",le="+Inf"} 3
                work_seconds_sum{step="a"} 2.15
                work_seconds_count{step="a"} 3

                """)
    }

    @Test func recordersThatAggregateAreHistograms() {
        let recorder = Recorder(label: "size", factory: registry)
        recorder.record(5)
        recorder.record(5_000_000)
        let text = registry.exposition()
        #expect(text.contains("size_bucket{le=\"4\"} 0\n"))
        #expect(text.contains("size_bucket{le=\"16\"} 1\n"))
        #expect(text.contains("size_bucket{le=\"+Inf\"} 2\n"))
    }

    @Test func namesAndLabelsAreMadeValid() {
        Counter(
            label: "1st-metric!",
            dimensions: [("a.b", "x"), ("a_b", "lost"), ("__name__", "y"), ("text", "q\"b\\s\nn")], factory: registry
        ).increment()
        #expect(
            registry.exposition().contains(
                #"_1st_metric__total{a_b="x",exported___name__="y",text="q\"b\\s\nn"} 1"# + "\n"))
    }

    @Test func aLabelValueIsShortWhateverItIsMadeOf() {
        // One character of ten thousand scalars.
        let value = "e" + String(repeating: "\u{301}", count: 10_000)
        Counter(label: "visits", dimensions: [("agent", value)], factory: registry).increment()
        #expect(registry.exposition().utf8.count < 1000)
    }

    @Test func theBucketLabelIsNotForOthers() {
        Timer(label: "t", dimensions: [("le", "mine")], factory: registry).recordNanoseconds(1)
        #expect(registry.exposition().contains("exported_le=\"mine\",le=\"0.0005\""))
    }

    @Test func seriesBeyondTheBoundShareOne() {
        for user in 0..<1000 {
            Counter(label: "logins", dimensions: [("user", "\(user)")], factory: registry).increment()
        }
        #expect(
            registry.exposition() == """
                # TYPE logins_total counter
                logins_total{overflow="true"} 997
                logins_total{user="0"} 1
                logins_total{user="1"} 1
                logins_total{user="2"} 1

                """)
    }

    @Test func oneNameHasOneType() {
        Counter(label: "jobs_total", factory: registry).increment()
        Meter(label: "jobs_total", factory: registry).set(7)
        let text = registry.exposition()
        #expect(text.contains("# TYPE jobs_total counter\njobs_total 1\n"))
        #expect(text.contains("# TYPE jobs_total_gauge gauge\njobs_total_gauge 7\n"))
    }

    @Test func aDestroyedSeriesIsGone() {
        let counter = Counter(label: "short", factory: registry)
        counter.increment()
        counter.destroy()
        #expect(registry.exposition() == "")
    }

    @Test func numbersAreWrittenAsPrometheusReadsThem() {
        Gauge(label: "g", dimensions: [("n", "1")], factory: registry).record(Double.infinity)
        Gauge(label: "g", dimensions: [("n", "2")], factory: registry).record(-Double.infinity)
        Gauge(label: "g", dimensions: [("n", "3")], factory: registry).record(Double.nan)
        let text = registry.exposition()
        #expect(
            text.contains("{n=\"1\"} +Inf\n") && text.contains("{n=\"2\"} -Inf\n") && text.contains("{n=\"3\"} NaN\n"))
    }

    @Test func incrementsFromManyThreadsAreAllCounted() {
        let counter = Counter(label: "hits", factory: registry)
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            for _ in 0..<1000 { counter.increment() }
        }
        #expect(registry.exposition().contains("hits_total 8000\n"))
    }

    @Test func showsTheProcess() {
        let text = PrometheusRegistry().exposition()
        for name in [
            "process_cpu_seconds_total", "process_open_fds", "process_max_fds", "process_resident_memory_bytes",
            "process_virtual_memory_bytes", "process_start_time_seconds",
        ] {
            let line = text.split(separator: "\n").first { $0.hasPrefix(name + " ") }
            let value = line?.split(separator: " ").last.flatMap { Double($0) }
            #expect((value ?? 0) > 0, "\(name)")
        }
    }
}
