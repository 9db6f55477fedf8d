public import ApusPrimitives
import NIOCore

extension HTTP2Connection {
    /// What the ping of a graceful shutdown carries.
    static var drainPing: UInt64 { 0x6170_7573_2064_7261 }

    /// Begins a graceful shutdown: no new streams, and `drained` when the last has closed. A server does it in two steps
    /// (RFC 9113, section 6.8), so that requests on their way are still answered.
    public mutating func shutDown() {
        guard shutdown == .none, phase != .ended else { return }
        if role == .server {
            shutdown = .announcing(since: now)
            writeGoAway(last: 0x7FFF_FFFF, .noError, "")
            ping(Self.drainPing)
        } else {
            shutdown = .announced
            writeGoAway(last: 0, .noError, "")
            reportDrained()
        }
    }

    /// Ends the connection at once with GOAWAY; every open stream is closed.
    public mutating func close(_ code: HTTP2ErrorCode = .noError, _ reason: String = "") {
        fail(code, reason)
    }

    /// The second step of a server's shutdown.
    mutating func announceLast() {
        shutdown = .announced
        writeGoAway(last: lastStreamID, .noError, "")
        reportDrained()
    }

    /// The connection cannot go on: GOAWAY, and nothing is read any more.
    @discardableResult
    mutating func fail(_ code: HTTP2ErrorCode, _ reason: String) -> HTTP2Event? {
        guard phase != .ended else { return nil }
        writeGoAway(last: role == .server ? lastStreamID : 0, code, reason)
        end(HTTP2Failure(code, reason))
        return nil
    }

    /// Closes every stream and tells the application.
    mutating func end(_ failure: HTTP2Failure) {
        phase = .ended
        for slot in 0..<streams.slotCount where streams[slot].id != 0 && !streams[slot].flags.contains(.closed) {
            closeStream(slot, .connectionLost, by: .byUs)
        }
        data = nil
        fragments = nil
        input = ByteBuffer()
        firstListed = -1
        lastListed = -1
        events.append(.failed(failure))
    }

    private mutating func writeGoAway(last: UInt32, _ code: HTTP2ErrorCode, _ reason: String) {
        beginOutput()
        let reason = ByteBuffer(string: reason)
        output.writeFrameHeader(
            length: 8 + reason.readableBytes, HTTP2FrameType.goAway, flags: HTTP2Flags.none, streamID: 0)
        output.writeMultipleIntegers(last, code.rawValue)
        output.writeImmutableBuffer(reason)
    }

    // MARK: Time

    /// When `tick` has something to do, unless something else happens before; nil: never.
    public var nextDeadline: MonotonicTime? {
        guard phase != .ended else { return nil }
        let limits = configuration.limits
        var earliest = Int64.max
        if let settingsSent { earliest = min(earliest, settingsSent + limits.settingsTimeout.nanoseconds) }
        if case .announcing(let since) = shutdown {
            earliest = min(earliest, since + limits.drainPingTimeout.nanoseconds)
        }
        if outputBytes > 0 { earliest = min(earliest, outputSince + limits.stalledOutputTimeout.nanoseconds) }
        return earliest == .max ? nil : MonotonicTime(nanoseconds: earliest)
    }

    /// Tells the time, and ends what has waited too long.
    public mutating func tick(now: MonotonicTime) {
        self.now = max(self.now, now.nanoseconds)
        guard phase != .ended else { return }
        let limits = configuration.limits
        if let settingsSent, self.now - settingsSent >= limits.settingsTimeout.nanoseconds {
            fail(.settingsTimeout, "SETTINGS without an acknowledgement: limits.settingsTimeout")
        } else if outputBytes > 0, self.now - outputSince >= limits.stalledOutputTimeout.nanoseconds {
            fail(.enhanceYourCalm, "output that the peer does not read: limits.stalledOutputTimeout")
        } else if case .announcing(let since) = shutdown, self.now - since >= limits.drainPingTimeout.nanoseconds {
            announceLast()
        }
    }
}
