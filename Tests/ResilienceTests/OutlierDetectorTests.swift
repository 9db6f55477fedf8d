import ApusPrimitives
import ApusResilience
import Testing

@Suite struct OutlierDetectorTests {
    private typealias Detector = OutlierDetector<Int>

    private let now = MonotonicTime.zero + .seconds(100)

    private func detector(_ hosts: Int = 4, _ settings: OutlierConfiguration = OutlierConfiguration()) -> Detector {
        var detector = Detector(configuration: settings)
        detector.update(0..<hosts)
        return detector
    }

    @discardableResult
    private func call(
        _ detector: inout Detector, _ host: Int, _ outcome: Detector.Outcome, times: Int = 1, at now: MonotonicTime
    ) -> [Detector.Ejection] {
        (0..<times).flatMap { _ in
            let permit = detector.began(host, at: now)
            return detector.record(host, permit, outcome, at: now)
        }
    }

    private func ejected(_ detector: Detector, at now: MonotonicTime) -> [Int] {
        detector.hosts.filter { detector.isEjected($0, at: now) }
    }

    // MARK: Failures in a row

    @Test func fiveFailuresInARowEject() {
        var detector = detector()
        #expect(call(&detector, 1, .failure, times: 4, at: now).isEmpty)
        let out = call(&detector, 1, .failure, at: now)
        #expect(out.map(\.host) == [1])
        #expect(out.first?.until == now + .seconds(1))
        #expect(out.first?.reason == .failuresInARow(5))
        #expect(detector.weight(of: 1, at: now) == 0)
        #expect(ejected(detector, at: now) == [1])
        #expect(!detector.isQuiet)
    }

    @Test func aSuccessBetweenBreaksTheRow() {
        var detector = detector()
        for _ in 0..<100 {
            call(&detector, 1, .failure, times: 4, at: now)
            call(&detector, 1, .success, at: now)
        }
        #expect(detector.isQuiet)
    }

    @Test func whatSaysNothingNeitherAddsNorBreaks() {
        var detector = detector()
        call(&detector, 1, .failure, times: 4, at: now)
        call(&detector, 1, .ignored, times: 10, at: now)
        #expect(call(&detector, 1, .failure, at: now).count == 1)
    }

    // MARK: At most a share

    @Test func answersEjectAtMostTheShareAndOneInAnyCase() {
        for (count, expected) in [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2), (10, 5)] {
            var detector = detector(count)
            for host in 0..<count { call(&detector, host, .failure, times: 20, at: now) }
            #expect(detector.ejectedCount(at: now) == expected, "\(count) hosts")
        }
        var tenth = detector(20, OutlierConfiguration(maxEjectedShare: 0.1))
        for host in 0..<20 { call(&tenth, host, .failure, times: 20, at: now) }
        #expect(ejected(tenth, at: now) == [0, 1])
        var none = detector(3, OutlierConfiguration(maxEjectedShare: 0))
        for host in 0..<3 { call(&none, host, .failure, times: 20, at: now) }
        #expect(ejected(none, at: now) == [0])
    }

    @Test func unreachableHostsAreOutButForTheLast() {
        for count in 1...6 {
            var detector = detector(count)
            for host in 0..<count { call(&detector, host, .unreachable, times: 20, at: now) }
            #expect(detector.ejectedCount(at: now) == count - 1)
        }
    }

    @Test func whoWasSparedIsOutWithTheNextFailureWhenThereIsRoom() {
        var detector = detector(2)
        call(&detector, 0, .failure, times: 5, at: now)
        call(&detector, 1, .failure, times: 50, at: now)
        #expect(ejected(detector, at: now) == [0])
        let later = now + .seconds(1)
        call(&detector, 0, .success, at: later)
        #expect(call(&detector, 1, .failure, at: later).map(\.host) == [1])
    }

    // MARK: The way back

    @Test func afterItsTimeAHostAnswersOneProbe() {
        var detector = detector()
        call(&detector, 1, .failure, times: 5, at: now)
        let back = now + .seconds(1)
        #expect(detector.weight(of: 1, at: back - .nanoseconds(1)) == 0)
        #expect(detector.weight(of: 1, at: back) == 1, "it waits for its probe")
        let probe = detector.began(1, at: back)
        #expect(detector.weight(of: 1, at: back) == 0, "one at a time")
        _ = detector.record(1, probe, .ignored, at: back)
        #expect(detector.weight(of: 1, at: back) == 1, "who says nothing makes room for the next")
        let next = detector.began(1, at: back)
        _ = detector.record(1, next, .success, at: back)
        #expect(detector.weight(of: 1, at: back) == 0.1)
    }

    @Test func aProbeWithoutOutcomeLosesItsPlace() {
        var detector = detector()
        call(&detector, 1, .failure, times: 5, at: now)
        let back = now + .seconds(1)
        let lost = detector.began(1, at: back)
        #expect(detector.weight(of: 1, at: back + .seconds(29)) == 0)
        #expect(detector.weight(of: 1, at: back + .seconds(30)) == 1)
        _ = detector.began(1, at: back + .seconds(30))
        _ = detector.record(1, lost, .failure, at: back + .seconds(30))
        #expect(ejected(detector, at: back + .seconds(30)) == [], "it is another one that counts")
    }

    @Test func aFailedProbeEjectsForLongerUpToTheLimit() {
        var detector = detector(4, OutlierConfiguration(maxEjection: .seconds(3)))
        var moment = now
        var lengths: [Duration] = []
        call(&detector, 1, .failure, times: 4, at: now)
        for _ in 0..<5 {
            let out = call(&detector, 1, .failure, at: moment)
            lengths.append(out[0].until - moment)
            moment = out[0].until
        }
        #expect(lengths == [1, 2, 3, 3, 3].map { .seconds($0) })
    }

    @Test func eachIntervalThatItIsInTakesOneStepBack() {
        var detector = detector()
        var moment = now
        call(&detector, 1, .failure, times: 4, at: now)
        for _ in 0..<3 { moment = call(&detector, 1, .failure, at: moment)[0].until }
        call(&detector, 1, .success, at: moment)
        // Three ejections; two intervals later there is one left to live down.
        moment = moment + .seconds(20)
        call(&detector, 0, .success, at: moment)
        let out = call(&detector, 1, .failure, times: 5, at: moment)
        #expect(out.first.map { $0.until - moment } == .seconds(2))
    }

    @Test func itsWeightGrowsEvenly() {
        var detector = detector()
        call(&detector, 1, .failure, times: 5, at: now)
        let back = now + .seconds(1)
        call(&detector, 1, .success, at: back)
        let weights = [0, 1, 2, 5, 9].map { detector.weight(of: 1, at: back + .seconds($0)) }
        #expect(weights == [0.1, 0.1, 0.2, 0.5, 0.9])
        #expect(detector.weight(of: 1, at: back + .seconds(10)) == 1)
        #expect(!detector.isQuiet)
        call(&detector, 1, .success, at: back + .seconds(10))
        #expect(detector.isQuiet)
    }

    @Test func withoutSlowStartItHasItsWholeWeightAtOnce() {
        var detector = detector(4, OutlierConfiguration(slowStart: .zero))
        call(&detector, 1, .failure, times: 5, at: now)
        call(&detector, 1, .success, at: now + .seconds(1))
        #expect(detector.weight(of: 1, at: now + .seconds(1)) == 1)
        #expect(detector.isQuiet)
    }

    @Test func outcomesOfCallsFromBeforeTheEjectionAreIgnored() {
        var detector = detector()
        let late = (0..<10).map { _ in detector.began(1, at: now) }
        call(&detector, 1, .failure, times: 5, at: now)
        let back = now + .seconds(1)
        _ = detector.record(1, late[0], .success, at: back)
        #expect(detector.weight(of: 1, at: back) == 1, "it still waits for its probe")
        call(&detector, 1, .success, at: back)
        for permit in late { _ = detector.record(1, permit, .failure, at: back) }
        #expect(ejected(detector, at: back) == [])
    }

    // MARK: Success rates

    /// One interval of `calls` to each host, of which the shares succeed; then what the next call finds.
    private func interval(_ detector: inout Detector, _ shares: [Double], calls: Int = 200) -> [Detector.Ejection] {
        for (host, share) in shares.enumerated() {
            for n in 0..<calls {
                // Spread, so that there are no five failures in a row for shares over a fifth.
                let succeeds = Int(Double(n + 1) * share) > Int(Double(n) * share)
                call(&detector, host, succeeds ? .success : .failure, at: now)
            }
        }
        return call(&detector, 0, .success, at: now + .seconds(10))
    }

    @Test func aRateFarUnderTheOthersEjects() throws {
        var detector = detector(6)
        let out = interval(&detector, [1, 1, 0.7, 1, 1, 1])
        #expect(out.map(\.host) == [2])
        guard case .successRate(let rate, let limit) = out.first?.reason else {
            Issue.record("\(out)")
            return
        }
        #expect(rate == 0.7)
        // The mean is 0.95, the standard deviation 0.1118.
        #expect(abs(limit - (0.95 - 1.9 * 0.111_803)) < 0.000_1)
        #expect(detector.isEjected(2, at: now + .seconds(10)))
    }

    @Test func aDifferenceWithinTheMarginDoesNot() {
        var detector = detector(6)
        #expect(interval(&detector, [1, 1, 0.96, 1, 1, 1]).isEmpty)
    }

    @Test func fewHostsOrFewCallsAreNotCompared() {
        var few = detector(4)
        #expect(interval(&few, [1, 1, 0.3, 1]).isEmpty)
        var seldom = detector(6)
        #expect(interval(&seldom, [1, 1, 0.3, 1, 1, 1], calls: 99).isEmpty)
    }

    @Test func theWorstGoFirstAndNoMoreThanTheShare() {
        var detector = detector(10, OutlierConfiguration(successRateFactor: 0.5, maxEjectedShare: 0.2))
        let out = interval(&detector, [1, 1, 0.5, 1, 0.3, 1, 0.6, 1, 0.4, 1])
        #expect(out.map(\.host) == [4, 8])
    }

    // MARK: The list

    @Test func whoStaysKeepsItsStateAndWhoGoesIsForgotten() {
        var detector = detector(4)
        call(&detector, 1, .failure, times: 5, at: now)
        detector.update([1, 7, 7, 8])
        #expect(detector.hosts == [1, 7, 8])
        #expect(ejected(detector, at: now) == [1])
        detector.update([7, 8])
        #expect(detector.isQuiet)
        detector.update([1, 7, 8])
        #expect(ejected(detector, at: now) == [])
    }

    @Test func aHostThatNobodyListedIsNotJudged() {
        var detector = detector(2)
        #expect(call(&detector, 9, .failure, times: 50, at: now).isEmpty)
        #expect(detector.weight(of: 9, at: now) == 1)
    }

    @Test func aChangeInUseKeepsWhoIsOut() {
        var detector = detector(4, OutlierConfiguration(baseEjection: .seconds(60), maxEjection: .seconds(600)))
        call(&detector, 1, .failure, times: 5, at: now)
        call(&detector, 2, .failure, times: 4, at: now)
        detector.reconfigure(OutlierConfiguration(consecutiveFailures: 2, maxEjection: .seconds(5)), at: now)
        #expect(detector.isEjected(1, at: now + .milliseconds(4_999)))
        #expect(!detector.isEjected(1, at: now + .seconds(5)))
        #expect(call(&detector, 2, .failure, at: now).map(\.host) == [2])
    }

    // MARK: Settings

    @Test func settingsOutOfRangeMoveToTheNearestInRange() {
        let low = OutlierConfiguration(
            consecutiveFailures: 0, interval: .zero, successRateMinimumHosts: 0, successRateMinimumCalls: 0,
            successRateFactor: .nan, successRateMargin: -1, baseEjection: .zero, maxEjection: .zero,
            maxEjectedShare: -1, slowStart: .seconds(-1))
        #expect(
            low
                == OutlierConfiguration(
                    consecutiveFailures: 1, interval: .milliseconds(100), successRateMinimumHosts: 3,
                    successRateMinimumCalls: 1, successRateFactor: 0, successRateMargin: 0,
                    baseEjection: .milliseconds(1), maxEjection: .milliseconds(1), maxEjectedShare: 0,
                    slowStart: .zero))
    }

    @Test func itsSettingsAreReadStrictly() throws {
        let settings = OutlierConfiguration(
            consecutiveFailures: 3, interval: .seconds(5), successRateMinimumHosts: 4, successRateMinimumCalls: 50,
            successRateFactor: 2, successRateMargin: 0.1, baseEjection: .seconds(2), maxEjection: .seconds(20),
            maxEjectedShare: 0.25, slowStart: .seconds(1))
        #expect(try JSON.read(JSON.write(settings)) == settings)
        #expect(try JSON.read("{}") == OutlierConfiguration())
        for text in [
            #"{"consecutive": 1}"#, #"{"maxEjectedShare": 50}"#,
            #"{"baseEjectionMilliseconds": 2000, "maxEjectionMilliseconds": 1000}"#,
        ] {
            #expect(throws: DecodingError.self) { try JSON.read(text, as: OutlierConfiguration.self) }
        }
    }

    @Test func theDefaultsAreThoseOfTheManual() {
        #expect(
            OutlierConfiguration()
                == OutlierConfiguration(
                    consecutiveFailures: 5, interval: .seconds(10), successRateMinimumHosts: 5,
                    successRateMinimumCalls: 100, successRateFactor: 1.9, successRateMargin: 0.05,
                    baseEjection: .seconds(1), maxEjection: .seconds(30), maxEjectedShare: 0.5,
                    slowStart: .seconds(10)))
    }
}
