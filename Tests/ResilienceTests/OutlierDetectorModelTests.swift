import ApusPrimitives
import ApusResilience
import Testing

/// The detector against its manual, written down plainly: each host is a list of everything that happened to it.
@Suite struct OutlierDetectorModelTests {
    private struct Call {
        let host: Int
        /// How often the host had been ejected when it began.
        let age: Int
        let isProbe: Bool
        let started: MonotonicTime
        var isOver = false
        let permit: OutlierPermit
    }

    private enum Event {
        case success, failure, ejected(until: MonotonicTime), back(at: MonotonicTime), spared, interval, counted
    }

    private struct Model {
        let settings: OutlierConfiguration
        var events: [[Event]]
        var calls: [Call] = []
        var intervalStart: MonotonicTime?

        func age(_ host: Int) -> Int { events[host].count { if case .ejected = $0 { true } else { false } } }

        /// The moment until when it is or was out, if it has not come back since.
        func out(_ host: Int) -> MonotonicTime? {
            for event in events[host].reversed() {
                if case .ejected(let until) = event { return until }
                if case .back = event { return nil }
            }
            return nil
        }

        func isEjected(_ host: Int, at now: MonotonicTime) -> Bool { out(host).map { now < $0 } ?? false }

        func probe(_ host: Int) -> Int? {
            calls.lastIndex { $0.host == host && $0.isProbe && $0.age == age(host) && !$0.isOver }
        }

        func weight(_ host: Int, at now: MonotonicTime) -> Double {
            if isEjected(host, at: now) { return 0 }
            if out(host) != nil {
                guard let probe = probe(host) else { return 1 }
                return now - calls[probe].started >= settings.maxEjection ? 1 : 0
            }
            for event in events[host].reversed() {
                guard case .back(let moment) = event, settings.slowStart > .zero else { continue }
                return min(max((now - moment).seconds / settings.slowStart.seconds, 0.1), 1)
            }
            return 1
        }

        mutating func began(_ host: Int, _ permit: OutlierPermit, at now: MonotonicTime) {
            let isProbe = out(host) != nil && weight(host, at: now) > 0
            if isProbe, let lost = probe(host) { calls[lost].isOver = true }
            calls.append(Call(host: host, age: age(host), isProbe: isProbe, started: now, permit: permit))
        }

        mutating func record(_ number: Int, _ outcome: OutlierDetector<Int>.Outcome, at now: MonotonicTime) -> [Int] {
            var result = endInterval(at: now)
            let call = calls[number]
            let isOver = call.isOver
            calls[number].isOver = true
            let isCurrent = call.age == age(call.host) && !isOver
            guard outcome != .ignored, isCurrent, call.isProbe || out(call.host) == nil else { return result }
            switch outcome {
            case .success: events[call.host].append(call.isProbe ? .back(at: now) : .success)
            default:
                if !call.isProbe { events[call.host].append(.failure) }
                guard call.isProbe || row(call.host) >= settings.consecutiveFailures else { break }
                if mayEject(isUnreachable: outcome == .unreachable, at: now) {
                    eject(call.host, at: now)
                    result.append(call.host)
                } else if call.isProbe {
                    events[call.host].append(.back(at: now))
                    events[call.host].append(.spared)
                }
            }
            return result
        }

        /// Failures since the last success or return; whoever was spared lacks one.
        private func row(_ host: Int) -> Int {
            var count = 0
            for event in events[host].reversed() {
                switch event {
                case .failure: count += 1
                case .spared: return count + settings.consecutiveFailures - 1
                case .success, .ejected, .back: return count
                case .interval, .counted: break
                }
            }
            return count
        }

        private func mayEject(isUnreachable: Bool, at now: MonotonicTime) -> Bool {
            let out = events.indices.count { isEjected($0, at: now) }
            let most = max(1, Int(settings.maxEjectedShare * Double(events.count)))
            return events.count - out > 1 && (isUnreachable || out < most)
        }

        private mutating func eject(_ host: Int, at now: MonotonicTime) {
            var steps = 1
            for event in events[host] {
                switch event {
                case .ejected: steps += 1
                case .interval: steps = max(steps - 1, 1)
                default: break
                }
            }
            let time = min(settings.baseEjection * steps, settings.maxEjection)
            events[host].append(.ejected(until: now + time))
        }

        private mutating func endInterval(at now: MonotonicTime) -> [Int] {
            guard let start = intervalStart else {
                intervalStart = now
                return []
            }
            guard now - start >= settings.interval else { return [] }
            intervalStart = now
            var rates: [(host: Int, rate: Double)] = []
            for host in events.indices where out(host) == nil {
                var successes = 0.0
                var all = 0.0
                loop: for event in events[host].reversed() {
                    switch event {
                    case .success: successes += 1; all += 1
                    case .failure: all += 1
                    case .counted: break loop
                    default: break
                    }
                }
                if all >= Double(settings.successRateMinimumCalls) { rates.append((host, successes / all)) }
            }
            var ejected: [Int] = []
            if rates.count >= settings.successRateMinimumHosts {
                let mean = rates.map(\.rate).reduce(0, +) / Double(rates.count)
                let variance = rates.reduce(0) { $0 + ($1.rate - mean) * ($1.rate - mean) } / Double(rates.count)
                let limit = mean - max(settings.successRateFactor * variance.squareRoot(), settings.successRateMargin)
                for (host, rate) in rates.sorted(by: { ($0.rate, $0.host) < ($1.rate, $1.host) })
                where rate < limit && mayEject(isUnreachable: false, at: now) {
                    eject(host, at: now)
                    ejected.append(host)
                }
            }
            let intervals = (now - start).nanoseconds / settings.interval.nanoseconds
            for host in events.indices {
                events[host].append(.counted)
                if out(host) == nil { for _ in 0..<intervals { events[host].append(.interval) } }
            }
            return ejected
        }
    }

    @Test func agreesWithTheModel() {
        var ejections = 0
        var returns = 0
        var byRate = 0
        for seed in 0..<150 {
            var random = SeededRandom(seed: UInt64(seed))
            let settings = OutlierConfiguration(
                consecutiveFailures: Int.random(in: 1...6, using: &random),
                interval: .milliseconds(Int.random(in: 100...2_000, using: &random)),
                successRateMinimumHosts: Int.random(in: 3...5, using: &random),
                successRateMinimumCalls: Int.random(in: 1...8, using: &random),
                successRateFactor: Double.random(in: 0...1.5, using: &random),
                successRateMargin: Double.random(in: 0...0.3, using: &random),
                baseEjection: .milliseconds(Int.random(in: 1...500, using: &random)),
                maxEjection: .milliseconds(Int.random(in: 1...2_000, using: &random)),
                maxEjectedShare: [0, 0.25, 0.5, 1].randomElement(using: &random)!,
                slowStart: .milliseconds(Int.random(in: 0...1_000, using: &random)))
            let hosts = Int.random(in: 1...8, using: &random)
            var detector = OutlierDetector<Int>(configuration: settings)
            detector.update(0..<hosts)
            var model = Model(settings: settings, events: Array(repeating: [], count: hosts))
            var now = MonotonicTime.zero
            var shares = [Double](repeating: 0.1, count: hosts)
            for step in 0..<500 {
                if Int.random(in: 0..<3, using: &random) == 0 {
                    now = now + .milliseconds(Int.random(in: 0...60, using: &random))
                }
                if step % 60 == 0 {
                    for host in 0..<hosts { shares[host] = [0, 0.1, 0.5, 1].randomElement(using: &random)! }
                }
                for host in 0..<hosts {
                    #expect(
                        detector.weight(of: host, at: now) == model.weight(host, at: now),
                        "seed \(seed), step \(step), host \(host)")
                    #expect(detector.isEjected(host, at: now) == model.isEjected(host, at: now))
                }
                if Bool.random(using: &random) {
                    let host = Int.random(in: 0..<hosts, using: &random)
                    model.began(host, detector.began(host, at: now), at: now)
                } else if let number = model.calls.indices.suffix(12).filter({ !model.calls[$0].isOver })
                    .randomElement(using: &random)
                {
                    let call = model.calls[number]
                    let failed = Double.random(in: 0..<1, using: &random) < shares[call.host]
                    let outcome: OutlierDetector<Int>.Outcome =
                        switch Int.random(in: 0..<8, using: &random) {
                        case 0: .ignored
                        case 1...2: failed ? .unreachable : .success
                        default: failed ? .failure : .success
                        }
                    let wasOut = model.out(call.host) != nil
                    let found = detector.record(call.host, call.permit, outcome, at: now)
                    let expected = model.record(number, outcome, at: now)
                    #expect(found.map(\.host) == expected, "seed \(seed), step \(step)")
                    ejections += expected.count
                    byRate += found.count { if case .successRate = $0.reason { true } else { false } }
                    if wasOut, model.out(call.host) == nil { returns += 1 }
                }
            }
        }
        #expect(ejections > 1_000 && returns > 300 && byRate > 50, "\(ejections), \(returns), \(byRate)")
    }
}
