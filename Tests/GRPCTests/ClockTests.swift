import ApusPrimitives
import Testing

@testable import ApusGRPC

/// Keep-alive, idling, age and the enforcement of pings, on a clock that a test moves.
@Suite struct ClockTests {
    private let start = MonotonicTime.zero

    private func after(_ seconds: Int) -> MonotonicTime { start + .seconds(seconds) }

    private func server(_ change: (inout GRPCServerSettings) -> Void = { _ in }) -> ServerClock {
        var settings = GRPCServerSettings()
        change(&settings)
        var clock = ServerClock(settings: settings, now: start, spread: 1)
        clock.handshakeIsDone = true
        return clock
    }

    @Test func `a silent client is pinged, and closed when it does not answer`() {
        var clock = server {
            $0.keepaliveInterval = .seconds(10)
            $0.keepaliveTimeout = .seconds(5)
        }
        #expect(clock.nextMoment(lastRead: start) == after(10))
        let early = clock.tick(now: after(9), lastRead: start, hasCalls: true)
        let ping = clock.tick(now: after(10), lastRead: start, hasCalls: true)
        #expect(early == .nothing)
        #expect(ping == .ping(ServerClock.keepalivePing))
        #expect(clock.nextMoment(lastRead: start) == after(15))
        var answered = clock
        answered.ponged()
        let late = clock.tick(now: after(15), lastRead: start, hasCalls: true)
        let fine = answered.tick(now: after(15), lastRead: after(11), hasCalls: true)
        #expect(late == .close("no answer to a ping within 5.0 seconds"))
        #expect(fine == .nothing)
    }

    @Test func `an idle connection and an old one are shut down, and the old one closed after its grace`() {
        var idle = server { $0.maxIdle = .seconds(30) }
        idle.callBegan()
        let busy = idle.tick(now: after(100), lastRead: after(100), hasCalls: true)
        idle.idle(since: after(100))
        let early = idle.tick(now: after(129), lastRead: after(100), hasCalls: false)
        let late = idle.tick(now: after(130), lastRead: after(100), hasCalls: false)
        #expect([busy, early, late] == [.nothing, .nothing, .shutDown])

        var old = server {
            $0.maxAge = .seconds(60)
            $0.maxAgeGrace = .seconds(5)
        }
        let moments = [59, 60, 64, 65].map { old.tick(now: after($0), lastRead: after($0), hasCalls: true) }
        #expect(moments == [.nothing, .shutDown, .nothing, .close("the connection is too old")])
    }

    @Test func `the third ping that comes too early is one too many, and what is sent forgives`() {
        var clock = server { $0.minimumPingInterval = .seconds(10) }
        let pings = [0, 1, 2, 3].map { clock.pinged(at: after($0), hasCalls: true, hasSent: false) }
        #expect(pings == [false, false, false, true])
        var forgiven = server { $0.minimumPingInterval = .seconds(10) }
        for second in 0..<50 {
            let isTooMany = forgiven.pinged(at: after(second), hasCalls: true, hasSent: second % 2 == 1)
            #expect(!isTooMany)
        }
        var slow = server { $0.minimumPingInterval = .seconds(10) }
        let allowed = (0..<10).map { slow.pinged(at: after($0 * 10), hasCalls: true, hasSent: false) }
        #expect(!allowed.contains(true))
        var idle = server { $0.minimumPingInterval = .seconds(10) }
        let withoutCalls = (0..<4).map { idle.pinged(at: after($0 * 10), hasCalls: false, hasSent: false) }
        #expect(withoutCalls.last == true)
    }

    @Test func `a client that never says its settings is closed`() {
        var settings = GRPCServerSettings()
        settings.handshakeTimeout = .seconds(3)
        var clock = ServerClock(settings: settings, now: start)
        #expect(clock.nextMoment(lastRead: start) == after(3))
        let action = clock.tick(now: after(3), lastRead: start, hasCalls: false)
        #expect(action == .close("no settings within 3.0 seconds"))
    }

    @Test func `a client pings only when it may, and goes when idle`() {
        var settings = GRPCClientSettings()
        settings.keepaliveInterval = .seconds(10)
        settings.keepaliveTimeout = .seconds(5)
        settings.maxIdle = .seconds(100)
        var clock = ClientClock(settings: settings, now: start)
        let idle = clock.tick(now: after(50), lastRead: start, hasCalls: false)
        clock.callBegan()
        let ping = clock.tick(now: after(50), lastRead: start, hasCalls: true)
        let late = clock.tick(now: after(55), lastRead: start, hasCalls: true)
        #expect(idle == .nothing)
        #expect(ping == .ping(ClientClock.keepalivePing))
        #expect(late == .close("no answer to a ping within 5.0 seconds"))
        var leaving = ClientClock(settings: settings, now: start)
        let gone = leaving.tick(now: after(100), lastRead: after(95), hasCalls: false)
        #expect(gone == .shutDown)
    }
}
