import ApusPrimitives
import NIOCore
import Testing

@testable import ApusGateway

@Suite struct ExchangeStateTests {
    @Test func arefusedConnectionIsAlwaysTriedElsewhere() {
        var state = ExchangeState(isRepeatable: false, maxAttempts: 2)
        state.placed()
        #expect(state.lost(.notConnected) == .retry)
        state.placed()
        #expect(state.lost(.notConnected) == .fail(.unavailable))
        #expect(state.lost(.notConnected) == .ignore)
    }

    @Test func whatMayHaveBeenDoneIsOnlyRepeatedWhenThatIsSafe() {
        for (repeatable, replay, expected) in [
            (true, true, ExchangeState.Verdict.retry), (true, false, .fail(.connectionLost)),
            (false, true, .fail(.connectionLost)),
        ] {
            var state = ExchangeState(isRepeatable: repeatable, maxAttempts: 3)
            state.placed()
            state.connected(kept: false)
            if !replay { state.replayLost() }
            #expect(state.lost(.closedBeforeResponse) == expected)
        }
    }

    @Test func aStaleConnectionDoesNotCountAsAnAttempt() {
        var state = ExchangeState(isRepeatable: true, maxAttempts: 1)
        state.placed()
        state.connected(kept: true)
        #expect(state.lost(.closedBeforeResponse) == .retryFresh)
        #expect(state.mustConnectAnew)
        state.placed()
        state.connected(kept: false)
        #expect(state.lost(.closedBeforeResponse) == .fail(.connectionLost))
    }

    @Test func whatAnInstanceMayHaveSeenIsNotCalledUnseen() {
        for (loss, expected) in [
            (ExchangeState.Loss.notConnected, ExchangeState.Failure.unavailable),
            (.closedBeforeResponse, .connectionLost),
        ] {
            var state = ExchangeState(isRepeatable: true, maxAttempts: 3)
            state.placed()
            if loss != .notConnected { state.connected(kept: false) }
            #expect(state.lost(loss) == .retry)
            state.placed()
            #expect(state.lost(.notConnected) == .retry)
            #expect(state.nowhereToGo() == .fail(expected))
        }
    }

    @Test func withoutBudgetItFailsAndSaysWhetherSomebodyMayHaveActed() {
        for (loss, expected) in [
            (ExchangeState.Loss.notConnected, ExchangeState.Failure.retryRefused),
            (.closedBeforeResponse, .retryRefusedAfterLoss),
        ] {
            var state = ExchangeState(isRepeatable: true, maxAttempts: 3)
            state.placed()
            if loss != .notConnected { state.connected(kept: false) }
            #expect(state.lost(loss) == .retry)
            #expect(state.retryRefused() == .fail(expected))
            #expect(state.retryRefused() == .ignore)
        }
    }

    @Test func a503IsTriedElsewhereWhenThereIsAnElsewhere() {
        for (status, others, repeatable, expected) in [
            (503, true, true, ExchangeState.Verdict.retry), (503, false, true, .ignore), (503, true, false, .ignore),
            (502, true, true, .ignore), (500, true, true, .ignore), (200, true, true, .ignore),
        ] {
            var state = ExchangeState(isRepeatable: repeatable, maxAttempts: 3)
            state.placed()
            state.connected(kept: false)
            #expect(state.responded(status: status, othersLeft: others) == expected)
            #expect(state.phase == (expected == .retry ? .placing : .responding))
        }
    }

    @Test func aLateBodyIsTheClientsFault() {
        var state = ExchangeState(isRepeatable: false, maxAttempts: 1)
        #expect(state.deadlinePassed(waitsForClient: true) == .fail(.bodyTimedOut))
        state = ExchangeState(isRepeatable: false, maxAttempts: 1)
        #expect(state.deadlinePassed(waitsForClient: false) == .fail(.timedOut))
        state = ExchangeState(isRepeatable: false, maxAttempts: 1)
        state.requestCompleted()
        #expect(state.deadlinePassed(waitsForClient: true) == .fail(.timedOut))
    }

    /// Any order of events, late and doubled ones too: it ends at most once, it is never retried after the response
    /// began, attempts are bounded, and an unsafe request is never sent twice after it may have been read.
    @Test func anyOrderOfEventsKeepsThePromises() {
        var random = SeededRandom(seed: 3)
        for _ in 0..<20_000 {
            let repeatable = Bool.random(using: &random)
            let maxAttempts = Int.random(in: 1...4, using: &random)
            var state = ExchangeState(isRepeatable: repeatable, maxAttempts: maxAttempts)
            var ends = 0
            var sent = 0
            var responding = false
            func judge(_ verdict: ExchangeState.Verdict) {
                switch verdict {
                case .ignore: break
                case .retry, .retryFresh:
                    #expect(!responding)
                    #expect(sent == 0 || repeatable)
                case .fail:
                    #expect(!responding)
                    ends += 1
                case .truncate:
                    #expect(responding)
                    ends += 1
                }
            }
            for _ in 0..<30 {
                let wasFinished = state.phase == .finished
                switch Int.random(in: 0..<9, using: &random) {
                case 0, 1: if state.phase == .placing, state.attempts < maxAttempts { state.placed() }
                case 2:
                    if state.phase == .placing { sent += 1 }
                    state.connected(kept: !state.mustConnectAnew && Bool.random(using: &random))
                case 3: judge(state.lost(ExchangeState.Loss.allCases.randomElement(using: &random)!))
                case 4:
                    judge(
                        state.responded(
                            status: [200, 503, 500].randomElement(using: &random)!,
                            othersLeft: Bool.random(using: &random)))
                    responding = responding || state.phase == .responding
                case 5: judge(state.deadlinePassed(waitsForClient: Bool.random(using: &random)))
                case 6: judge(state.stalled())
                case 7: Bool.random(using: &random) ? state.requestCompleted() : state.replayLost()
                default: if Int.random(in: 0..<8, using: &random) == 0 { judge(state.nowhereToGo()) }
                }
                #expect(!wasFinished || state.phase == .finished)
                #expect(ends <= 1)
                #expect(state.attempts <= maxAttempts && state.attempts >= -1)
            }
        }
    }
}

@Suite struct ClientStateTests {
    private let limits: ClientState.Limits = {
        var settings = GatewaySettings()
        settings.headerTimeout = .seconds(1)
        settings.idleTimeout = .seconds(10)
        settings.lingerTimeout = .seconds(2)
        return ClientState.Limits(settings)
    }()

    private func at(_ seconds: Int64) -> NIODeadline { .uptimeNanoseconds(0) + .seconds(seconds) }

    @Test func theHeadersTimeIsNotRenewedByTheirBytes() {
        var state = ClientState(limits: limits, at: at(0))
        state.bytesArrived(at: at(0))
        state.bytesArrived(at: at(1))
        #expect(state.timerFired(at: at(1)) == .refuseHead)
        state.responded(at: at(1), restIsShort: true)
        #expect(state.phase == .lingering)
        #expect(state.timerFired(at: at(3)) == .close)
    }

    @Test func aSilentConnectionIsClosed() {
        var state = ClientState(limits: limits, at: at(0))
        #expect(state.timerFired(at: at(0)) == .none)
        #expect(state.timerFired(at: at(1)) == .close)
    }

    @Test func aKeptConnectionWaitsForItsNextRequest() {
        var state = ClientState(limits: limits, at: at(0))
        state.bytesArrived(at: at(0))
        state.headRead(hasBody: false, keepAlive: true, answerDue: at(50))
        #expect(state.deadline == at(50))
        state.responded(at: at(5), restIsShort: true)
        #expect(state.phase == .idle)
        #expect(state.deadline == at(15))
    }

    @Test func anEarlyAnswerEndsTheConnectionUnlessTheRestIsShort() {
        for (short, phase) in [(true, ClientState.Phase.discarding), (false, .lingering)] {
            var state = ClientState(limits: limits, at: at(0))
            state.bytesArrived(at: at(0))
            state.headRead(hasBody: true, keepAlive: true, answerDue: at(50))
            state.responded(at: at(1), restIsShort: short)
            #expect(state.phase == phase)
        }
    }

    @Test func drainingLetsTheRequestAtHandEnd() {
        var idle = ClientState(limits: limits, at: at(0))
        #expect(idle.drain() == true)
        var busy = ClientState(limits: limits, at: at(0))
        busy.bytesArrived(at: at(0))
        busy.headRead(hasBody: false, keepAlive: true, answerDue: at(50))
        #expect(busy.drain() == false)
        #expect(busy.closesAfter)
        busy.responded(at: at(1), restIsShort: true)
        #expect(busy.phase == .lingering)
    }

    /// Any order of events: what is closed stays closed, and whoever waits has a deadline.
    @Test func anyOrderOfEventsKeepsThePromises() {
        var random = SeededRandom(seed: 5)
        for _ in 0..<20_000 {
            var state = ClientState(limits: limits, at: at(0))
            var now: Int64 = 0
            for _ in 0..<20 {
                let wasClosed = state.phase == .closed
                let wasLingering = state.phase == .lingering
                now += Int64.random(in: 0...2, using: &random)
                var timedOut = ClientState.Timeout.none
                switch Int.random(in: 0..<9, using: &random) {
                case 0, 1: state.bytesArrived(at: at(now))
                case 2:
                    state.headRead(
                        hasBody: Bool.random(using: &random), keepAlive: Bool.random(using: &random),
                        answerDue: at(now + 5))
                case 3: state.bodyRead(at: at(now))
                case 4: state.responded(at: at(now), restIsShort: Bool.random(using: &random))
                case 5: timedOut = state.timerFired(at: at(now))
                case 6: if Int.random(in: 0..<5, using: &random) == 0 { _ = state.drain() }
                case 7: state.answerDue(at(now + 3))
                default: if Int.random(in: 0..<9, using: &random) == 0 { state.closed() }
                }
                if wasClosed { #expect(state.phase == .closed) }
                if wasLingering { #expect(state.phase == .lingering || state.phase == .closed) }
                if timedOut == .none, state.phase != .closed, state.phase != .waiting, state.phase != .body,
                    state.phase != .head
                {
                    #expect(state.deadline != nil)
                }
            }
        }
    }
}
