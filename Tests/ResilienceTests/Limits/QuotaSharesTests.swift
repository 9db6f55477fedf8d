import ApusPrimitives
import Foundation
import Testing

@testable import ApusResilience

@Suite struct QuotaSharesTests {
    typealias Member = QuotaShares.Member

    private let start = MonotonicTime.zero + .seconds(100)

    /// 100 permits a second, grants of 5 s.
    private func shares(evenShare: Double = 0, expected: Int = 1, maxWait: Duration = .zero) -> QuotaShares {
        var shares = QuotaShares(
            "mails",
            configuration: QuotaShares.Configuration(
                permits: 100, maxWait: maxWait, evenShare: evenShare, expectedInstances: expected),
            lifetime: .seconds(5), at: start)
        shares.start(at: start)
        return shares
    }

    private func member(_ id: String, share: Int, demand: Int, revision: Int64 = 7) -> Member {
        Member(id: id, share: share * 1_000, demand: demand * 1_000, revision: share == 0 ? 0 : revision)
    }

    /// With `share` permits granted until five seconds after `start`.
    private func granted(_ share: Int, others: [Member] = []) -> QuotaShares {
        var shares = shares()
        _ = shares.read(others + [member("a", share: share, demand: share)], own: "a", at: start)
        shares.wrote(.raise(to: share * 1_000), at: start)
        shares.renewed(until: start + .seconds(5), at: start)
        return shares
    }

    @Test func anInstanceAloneTakesAllOfIt() {
        var shares = shares()
        #expect(shares.read([], own: "a", at: start) == .raise(to: 100_000))
        #expect(shares.share(at: start) == 0, "nothing before the store has said so")
        shares.wrote(.raise(to: 100_000), at: start)
        shares.renewed(until: start + .seconds(5), at: start)
        #expect(shares.share(at: start) == 100_000)
        #expect(shares.standing(at: start) == .granted)
    }

    @Test func itTakesNoMoreThanIsLeft() {
        var shares = shares()
        let others = [member("b", share: 70, demand: 10), member("c", share: 25, demand: 10)]
        #expect(shares.read(others + [member("a", share: 0, demand: 90)], own: "a", at: start) == .raise(to: 5_000))
    }

    @Test func itGivesUpWhatOthersNeedMoreAtOnce() {
        var shares = granted(100)
        let members = [member("a", share: 100, demand: 20), member("b", share: 0, demand: 300)]
        #expect(shares.read(members, own: "a", at: start) == .lower(to: 25_000))
        #expect(shares.share(at: start) == 25_000, "before the store knows")
    }

    @Test func whatNobodyAsksForIsDividedEvenly() {
        var shares = granted(100)
        let members = [member("a", share: 100, demand: 0), member("b", share: 0, demand: 40)]
        #expect(shares.read(members, own: "a", at: start) == .lower(to: 25_000))
    }

    @Test func aPartIsDividedEvenlyWhateverTheDemand() {
        var shares = shares(evenShare: 0.1)
        let others = [member("b", share: 0, demand: 900)]
        #expect(shares.read(others + [member("a", share: 0, demand: 0)], own: "a", at: start) == .raise(to: 5_000))
    }

    @Test func smallDifferencesAreNotWrittenUnlessTooMuchIsGranted() {
        var shares = granted(50)
        let other = member("b", share: 49, demand: 500)
        #expect(shares.read([member("a", share: 51, demand: 500), other], own: "a", at: start) == nil)
        let overdrawn = member("b", share: 50, demand: 500)
        #expect(
            shares.read([member("a", share: 51, demand: 500), overdrawn], own: "a", at: start) == .lower(to: 50_000))
    }

    @Test func aWriteThatMayStillHappenIsReplacedBeforeMoreIsUsed() {
        var shares = granted(60)
        let other = member("b", share: 40, demand: 500)
        let lower = shares.read([member("a", share: 60, demand: 500), other], own: "a", at: start)
        #expect(lower == .lower(to: 50_000))
        shares.lost(.lower(to: 50_000), at: start)
        // The store still has 60, and 60 is what we should have now: but the lost write may come yet.
        let same = [member("a", share: 60, demand: 900), member("b", share: 40, demand: 20)]
        #expect(shares.read(same, own: "a", at: start) == .raise(to: 60_000))
        #expect(shares.share(at: start) == 50_000)
        shares.wrote(.raise(to: 60_000), at: start)
        #expect(shares.share(at: start) == 60_000)
        // Once the store shows another revision, nothing can come any more.
        shares.lost(.lower(to: 55_000), at: start)
        let changed = [member("a", share: 60, demand: 900, revision: 8), member("b", share: 40, demand: 20)]
        #expect(shares.read(changed, own: "a", at: start) == nil)
        #expect(shares.share(at: start) == 60_000)
    }

    @Test func aRaiseWhoseAnswerWasLostIsUsedWhenTheStoreShowsIt() {
        var shares = granted(50)
        shares.lost(.raise(to: 60_000), at: start)
        #expect(shares.share(at: start) == 50_000)
        let members = [member("a", share: 60, demand: 900, revision: 8), member("b", share: 40, demand: 20)]
        #expect(shares.read(members, own: "a", at: start) == nil)
        #expect(shares.share(at: start) == 60_000)
    }

    @Test func whileTheStoreIsAwayTheLastShareHoldsThenTheSmallerThenAnEvenPart() {
        for (own, other) in [(20, 80), (80, 20)] {
            let shares = granted(own, others: [member("b", share: other, demand: other)])
            #expect(shares.share(at: start + .milliseconds(4_999)) == own * 1_000)
            #expect(shares.standing(at: start + .seconds(5)) == .cautious)
            #expect(shares.share(at: start + .seconds(5)) == min(own, 50) * 1_000)
            #expect(shares.share(at: start + .milliseconds(9_999)) == min(own, 50) * 1_000)
            #expect(shares.standing(at: start + .seconds(10)) == .alone)
            #expect(shares.share(at: start + .seconds(10)) == 50_000)
        }
    }

    @Test func oneThatTheStoreNeverAnsweredTakesAnEvenPartOfTheExpectedInstances() {
        var shares = shares(expected: 4)
        #expect(shares.standing(at: start) == .starting)
        shares.away(at: start)
        #expect(shares.standing(at: start) == .alone)
        #expect(shares.share(at: start) == 25_000)
    }

    @Test func aShareThatTheStoreForgotIsNotUsed() {
        var shares = granted(80)
        shares.forgotten(at: start)
        #expect(shares.share(at: start) == 0)
        #expect(shares.read([], own: "c", at: start) == .raise(to: 100_000))
        shares.wrote(.raise(to: 100_000), at: start)
        shares.renewed(until: start + .seconds(5), at: start)
        #expect(shares.share(at: start) == 100_000)
    }

    @Test func callsAreAdmittedByTheShareThatHoldsAtTheirMoment() throws {
        var shares = granted(80, others: [member("b", share: 20, demand: 20)])
        func admitted(at now: MonotonicTime) -> Int {
            var count = 0
            while (try? shares.acquire(at: now)) != nil { count += 1 }
            return count
        }
        #expect(admitted(at: start) == 0, "it begins empty")
        #expect(admitted(at: start + .seconds(1)) == 80)
        #expect(admitted(at: start + .seconds(1)) == 0)
        // Five seconds after the start the grant has run out, and nobody has to say so.
        #expect(admitted(at: start + .seconds(7)) == 50)
    }

    @Test func aShareOfLessThanOnePermitIsStillOne() throws {
        var shares = granted(1)
        shares.reconfigure(QuotaShares.Configuration(permits: 1, evenShare: 0), at: start)
        let members = (0..<4).map { Member(id: "b\($0)", share: 250, demand: 9_000, revision: 5) }
        #expect(
            shares.read(
                Array(members[..<3]) + [Member(id: "a", share: 1_000, demand: 9_000, revision: 7)], own: "a", at: start)
                == .lower(to: 250))
        #expect(throws: ResilienceError.self) { try shares.acquire(at: start + .milliseconds(3_999)) }
        #expect(try shares.acquire(at: start + .seconds(4)) == .zero)
    }

    @Test func aRefusalSaysWhy() throws {
        var shares = shares()
        let starting = try #require(throws: ResilienceError.self) {
            try shares.acquire(at: start, retryAfter: .seconds(1))
        }
        #expect(starting.code == .rateLimited && starting.policy == "mails" && starting.retryAfter == .seconds(1))
        #expect(
            starting.message == "no share: the store has not answered yet; the limit of all is 100 in 1.0 seconds")
        shares.stop(at: start)
        let stopped = try #require(throws: ResilienceError.self) { try shares.acquire(at: start) }
        #expect(stopped.message.hasPrefix("no share: it is not running"))
    }

    @Test func settingsAreClampedInCodeAndReadStrictly() throws {
        typealias Configuration = QuotaShares.Configuration
        let least = Configuration(
            permits: 0, per: .zero, burst: 0, maxWait: .seconds(-1), evenShare: -.nan, expectedInstances: 0)
        #expect(
            least
                == Configuration(
                    permits: 1, per: .milliseconds(1), burst: 1, maxWait: .zero, evenShare: 0, expectedInstances: 1))
        func read(_ text: String) throws -> Configuration {
            try JSONDecoder().decode(Configuration.self, from: Data(text.utf8))
        }
        let value = Configuration(
            permits: 3, per: .seconds(60), burst: 2, maxWait: .seconds(1), evenShare: 0.25, expectedInstances: 3)
        #expect(try JSONDecoder().decode(Configuration.self, from: JSONEncoder().encode(value)) == value)
        #expect(try read(#"{"permits": 5}"#) == Configuration(permits: 5))
        for wrong in [
            "{}", #"{"permits": 0}"#, #"{"permits": 1, "evenShare": 2}"#,
            #"{"permits": 1, "perMilliseconds": 28800001}"#,
            #"{"permits": 1, "instances": 1}"#,
        ] {
            #expect(throws: DecodingError.self) { try read(wrong) }
        }
    }

    /// What max-min fairness says, for ten thousand random demands.
    @Test func theDivisionIsFair() {
        var random = SeededRandom(seed: 12)
        for _ in 0..<10_000 {
            let total = Int.random(in: 0...1_000, using: &random)
            let demands = (0..<Int.random(in: 1...8, using: &random)).map { _ in
                Int.random(in: 0...[5, 100, 2_000].randomElement(using: &random)!, using: &random)
            }
            let parts = QuotaShares.divide(total, among: demands)
            #expect(parts.reduce(0, +) == total && parts.allSatisfy { $0 >= 0 })
            if demands.reduce(0, +) <= total {
                // Everybody has what it asks for, and the same on top.
                let extra = zip(parts, demands).map { $0 - $1 }
                #expect(extra.min()! >= 0 && extra.max()! - extra.min()! <= 1)
            } else {
                // Nobody has more than it asks for; whoever has less has as much as anybody.
                let most = parts.max()!
                for (part, demand) in zip(parts, demands) {
                    #expect(part <= demand && (part == demand || part >= most - 1), "\(demands) \(parts)")
                }
            }
        }
        #expect(QuotaShares.divide(5, among: []).isEmpty)
    }
}
