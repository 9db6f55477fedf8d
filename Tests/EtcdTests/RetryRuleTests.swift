import ApusEtcdAPI
import ApusGRPC
import ApusPrimitives
import Testing

@testable import ApusEtcd

@Suite struct RetryRuleTests {
    static func error(_ code: GRPCCode, _ message: String = "", _ reach: GRPCError.Reach = .answered) -> GRPCError {
        var error = GRPCError(code, message)
        error.reach = reach
        return error
    }

    static let cases: [(GRPCError, read: NextAttempt, write: NextAttempt)] = [
        (error(.unavailable, "no connection", .notSent), .elsewhere, .elsewhere),
        (error(.unavailable, "refused", .refused), .elsewhere, .elsewhere),
        (error(.unavailable, "lost", .unknown), .elsewhere, .none),
        (EtcdError.noLeader.status, .elsewhere, .elsewhere),
        (EtcdError.leaderChanged.status, .elsewhere, .none),
        (EtcdError.timeout.status, .elsewhere, .none),
        (EtcdError.stopped.status, .elsewhere, .none),
        (error(.unknown, "raft proposal dropped"), .elsewhere, .elsewhere),
        (error(.internalError, "reset", .unknown), .elsewhere, .none),
        (error(.deadlineExceeded, "", .unknown), .elsewhere, .none),
        (EtcdError.tooManyRequests.status, .again, .again),
        (EtcdError.noSpace.status, .none, .none),
        (EtcdError.compacted.status, .none, .none),
        (EtcdError.permissionDenied.status, .none, .none),
        (EtcdError.invalidAuthToken.status, .withNewToken, .withNewToken),
        (EtcdError.oldAuthRevision.status, .withNewToken, .withNewToken),
        (EtcdError.userEmpty.status, .withNewToken, .withNewToken),
    ]

    @Test func eachFailure() {
        for (error, read, write) in Self.cases {
            #expect(NextAttempt(after: error, effect: .none, hasUser: true) == read, "a read after \(error)")
            #expect(NextAttempt(after: error, effect: .once, hasUser: true) == write, "a write after \(error)")
        }
        #expect(NextAttempt(after: EtcdError.invalidAuthToken.status, effect: .none, hasUser: false) == .none)
        #expect(NextAttempt(after: EtcdError.oldAuthRevision.status, effect: .once, hasUser: false) == .again)
    }

    @Test func aCallThatNobodyTakesEndsWithThePatience() {
        let error = Self.error(.unavailable, "", .notSent)
        for patience in [Duration.zero, .seconds(1)] {
            var trial = Trial(method: .put, count: 3, start: .zero, patience: patience)
            trial.end = .zero + .seconds(5)
            var (now, attempts) = (MonotonicTime.zero, 0)
            repeat {
                attempts += 1
                trial.failed(error, at: attempts % 3)
                guard case .after(let wait) = trial.decide(.elsewhere, at: now) else { break }
                now = now + wait
            } while attempts < 1_000
            #expect(attempts % 3 == 0, "every endpoint is asked in each round")
            #expect(patience == .zero ? attempts == 3 : attempts > 6 && attempts < 100)
            #expect(now <= .zero + patience)
        }
    }

    @Test func aReadLeavesTimeForAnotherMember() {
        var trial = Trial(method: .range, count: 3, start: .zero, patience: .zero)
        trial.end = .zero + .seconds(4)
        #expect(trial.attemptTimeout(at: .zero) == .seconds(2))
        #expect(trial.attemptTimeout(at: .zero + .milliseconds(3_800)) == .milliseconds(200))
        var write = Trial(method: .put, count: 3, start: .zero, patience: .zero)
        #expect(write.attemptTimeout(at: .zero) == nil)
        write.end = trial.end
        #expect(write.attemptTimeout(at: .zero) == .seconds(4))
    }

    @Test func latecomersMoveNobody() {
        var ring = EndpointRing(count: 3, start: 1)
        ring.failed(1)
        ring.failed(1)
        #expect(ring.current == 2)
        ring.failed(2)
        #expect(ring.current == 0)
    }
}
