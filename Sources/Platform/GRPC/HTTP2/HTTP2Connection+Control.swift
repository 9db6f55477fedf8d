import NIOCore

extension HTTP2Connection {
    // MARK: SETTINGS

    /// What this side says first: the preface (at a client), its settings and the connection's window.
    mutating func sendPreface() {
        if role == .client { output.writeStaticString(Self.preface) }
        var entries: [(UInt16, Int)] = [
            (HTTP2Setting.headerTableSize, configuration.headerTableSize),
            (HTTP2Setting.initialWindowSize, configuration.streamWindow),
            (HTTP2Setting.maxFrameSize, configuration.maxFrameSize),
            (HTTP2Setting.maxHeaderListSize, configuration.limits.headerListBytes),
        ]
        if role == .client {
            entries.append((HTTP2Setting.enablePush, 0))
        } else {
            entries.append((HTTP2Setting.maxConcurrentStreams, configuration.maxConcurrentStreams))
        }
        output.writeFrameHeader(
            length: 6 * entries.count, HTTP2FrameType.settings, flags: HTTP2Flags.none, streamID: 0)
        for (setting, value) in entries {
            output.writeMultipleIntegers(setting, UInt32(truncatingIfNeeded: value))
        }
        settingsSent = now
        let more = configuration.connectionWindow - HTTP2Setting.defaultWindow
        if more > 0 {
            output.writeFrame(HTTP2FrameType.windowUpdate, streamID: 0, UInt32(truncatingIfNeeded: more))
            receiveWindow += more
        }
        outputSince = now
    }

    mutating func readSettings(_ header: HTTP2FrameHeader, _ payload: ByteBuffer) -> HTTP2Event? {
        guard header.streamID == 0 else { return fail(.protocolError, "SETTINGS on a stream (6.5)") }
        guard guards.settings.take(now: now) else { return fail(.enhanceYourCalm, "SETTINGS: limits.settings") }
        if header.has(HTTP2Flags.ack) {
            guard header.length == 0 else {
                return fail(.frameSizeError, "a SETTINGS acknowledgement with entries (6.5)")
            }
            if settingsSent != nil { settingsAcknowledged() }
            return nil
        }
        guard header.length % 6 == 0 else {
            return fail(.frameSizeError, "SETTINGS of a length that 6 does not divide (6.5)")
        }
        guard header.length / 6 <= configuration.limits.settingsEntries else {
            return fail(.enhanceYourCalm, "many entries in SETTINGS: limits.settingsEntries")
        }
        let windowBefore = peer.initialWindowSize
        var payload = payload
        while let (setting, value) = payload.readMultipleIntegers(as: (UInt16, UInt32).self) {
            if let failure = apply(setting, Int(value)) { return fail(failure.code, failure.reason) }
        }
        encoder.setPeerLimit(peer.headerTableSize)
        guard moveWindows(by: peer.initialWindowSize - windowBefore) else {
            return fail(.flowControlError, "SETTINGS that move a window above 2^31 - 1 (6.9.2)")
        }
        beginOutput()
        output.writeFrameHeader(length: 0, HTTP2FrameType.settings, flags: HTTP2Flags.ack, streamID: 0)
        return .settingsChanged
    }

    /// From here on the peer keeps to our settings.
    private mutating func settingsAcknowledged() {
        settingsSent = nil
        decoder.setSizeLimit(configuration.headerTableSize)
        let difference = configuration.streamWindow - initialReceiveWindow
        initialReceiveWindow = configuration.streamWindow
        guard difference != 0 else { return }
        for slot in 0..<streams.slotCount { streams[slot].receiveWindow += difference }
    }

    private mutating func apply(_ setting: UInt16, _ value: Int) -> HTTP2Failure? {
        switch setting {
        case HTTP2Setting.headerTableSize: peer.headerTableSize = value
        case HTTP2Setting.enablePush:
            guard value <= 1, role == .server || value == 0 else {
                return HTTP2Failure(.protocolError, "a value of ENABLE_PUSH that is not allowed (6.5.2)")
            }
        case HTTP2Setting.maxConcurrentStreams: peer.maxConcurrentStreams = value
        case HTTP2Setting.initialWindowSize:
            guard value <= HTTP2Setting.maxWindow else {
                return HTTP2Failure(.flowControlError, "an initial window above 2^31 - 1 (6.5.2)")
            }
            peer.initialWindowSize = value
        case HTTP2Setting.maxFrameSize:
            guard HTTP2Setting.frameSizes.contains(value) else {
                return HTTP2Failure(.protocolError, "a maximum frame size out of range (6.5.2)")
            }
            peer.maxFrameSize = value
        case HTTP2Setting.maxHeaderListSize: peer.maxHeaderListSize = value
        default: break
        }
        return nil
    }

    /// The peer's initial window has changed: so has every open stream's (RFC 9113, section 6.9.2).
    private mutating func moveWindows(by difference: Int) -> Bool {
        guard difference != 0 else { return true }
        for slot in 0..<streams.slotCount where streams[slot].id != 0 && !streams[slot].flags.contains(.closed) {
            streams[slot].sendWindow += difference
            guard streams[slot].sendWindow <= HTTP2Setting.maxWindow else { return false }
            if difference > 0 { list(slot) }
        }
        return true
    }

    // MARK: PING

    mutating func readPing(_ header: HTTP2FrameHeader, _ payload: ByteBuffer) -> HTTP2Event? {
        guard header.streamID == 0 else { return fail(.protocolError, "PING on a stream (6.7)") }
        guard header.length == 8 else { return fail(.frameSizeError, "PING of another length than 8 (6.7)") }
        guard guards.pings.take(now: now) else { return fail(.enhanceYourCalm, "PING: limits.pings") }
        let opaque = payload.getInteger(at: payload.readerIndex, as: UInt64.self)!
        guard header.has(HTTP2Flags.ack) else {
            beginOutput()
            output.writeFrame(HTTP2FrameType.ping, flags: HTTP2Flags.ack, streamID: 0, opaque)
            return .pinged
        }
        if opaque == Self.drainPing, case .announcing = shutdown {
            announceLast()
            return nil
        }
        return .ponged(opaque)
    }

    // MARK: GOAWAY

    mutating func readGoAway(_ header: HTTP2FrameHeader, _ payload: ByteBuffer) -> HTTP2Event? {
        guard header.streamID == 0 else { return fail(.protocolError, "GOAWAY on a stream (6.8)") }
        guard header.length >= 8 else { return fail(.frameSizeError, "GOAWAY shorter than 8 (6.8)") }
        guard guards.settings.take(now: now) else { return fail(.enhanceYourCalm, "GOAWAY: limits.settings") }
        var payload = payload
        let last = payload.readInteger(as: UInt32.self)! & 0x7FFF_FFFF
        let code = HTTP2ErrorCode(rawValue: payload.readInteger()!)
        let debugData = payload.readSlice(length: min(payload.readableBytes, configuration.limits.debugDataBytes))!
        let lowest = min(last, peerLastStreamID ?? last)
        peerLastStreamID = lowest
        if role == .client {
            for slot in 0..<streams.slotCount
            where streams[slot].id > lowest && !streams[slot].flags.contains(.closed) {
                closeStream(slot, .refused, by: .byPeer)
            }
            reportDrained()
        }
        return .goingAway(lastStreamID: lowest, code, debugData: debugData)
    }
}
