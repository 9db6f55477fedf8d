import NIOCore

extension HTTP2Connection {
    /// Whether this number is not idle any more: the stream was opened, or skipped.
    func isPast(_ id: UInt32) -> Bool { id % 2 == 1 && id <= max(lastStreamID, ignoredStreamID) }

    /// Counts a frame for a stream that has closed; false when there were too many, and the connection has failed.
    mutating func countLate() -> Bool {
        if guards.late.take(now: now) { return true }
        fail(.enhanceYourCalm, "frames on closed streams: limits.late")
        return false
    }

    /// RST_STREAM for a stream without state.
    mutating func resetUnknown(_ id: UInt32, _ code: HTTP2ErrorCode) {
        beginOutput()
        output.writeFrame(HTTP2FrameType.resetStream, streamID: id, code.rawValue)
        closedStreams.add(id, .byUs)
    }

    /// The peer broke a rule on this stream: RST_STREAM. It counts like a reset by the peer, which would cost us the same.
    mutating func breach(_ slot: Int32, _ code: HTTP2ErrorCode, _ reason: String) {
        guard guards.resets.take(now: now) else {
            fail(.enhanceYourCalm, "streams that break rules: limits.resets")
            return
        }
        resetStream(slot, HTTP2Failure(code, reason))
    }

    mutating func resetStream(_ slot: Int32, _ failure: HTTP2Failure) {
        beginOutput()
        output.writeFrame(HTTP2FrameType.resetStream, streamID: streams[slot].id, failure.code.rawValue)
        closeStream(slot, .resetByUs(failure), by: .byUs)
    }

    mutating func readReset(_ header: HTTP2FrameHeader, _ payload: ByteBuffer) -> HTTP2Event? {
        guard header.streamID != 0 else { return fail(.protocolError, "RST_STREAM on stream 0 (6.4)") }
        guard header.length == 4 else { return fail(.frameSizeError, "RST_STREAM of another length than 4 (6.4)") }
        guard let slot = streams.slot(of: header.streamID) else {
            guard isPast(header.streamID) else { return fail(.protocolError, "RST_STREAM on an idle stream (6.4)") }
            _ = countLate()
            return nil
        }
        // A server's NO_ERROR after its response only says that it needs no more of the request (8.1).
        guard role == .client || guards.resets.take(now: now) else {
            return fail(.enhanceYourCalm, "streams that the peer resets: limits.resets")
        }
        let code = HTTP2ErrorCode(rawValue: payload.getInteger(at: payload.readerIndex)!)
        if role == .client, code == .noError, streams[slot].flags.contains(.endReceived) {
            closeStream(slot, .completed, by: .byPeer)
        } else if role == .client, code == .refusedStream {
            closeStream(slot, .refused, by: .byPeer)
        } else {
            closeStream(slot, .resetByPeer(code), by: .byPeer)
        }
        return nil
    }

    /// The stream is over: forgets what was to be sent and tells the application.
    mutating func closeStream(_ slot: Int32, _ reason: HTTP2CloseReason, by ending: HTTP2ClosedStreams.Ending) {
        let stream = HTTP2Stream(id: streams[slot].id, slot: slot)
        unread -= streams[slot].unread
        queuedBytes -= streams[slot].queue.count
        streams.close(slot)
        closedStreams.add(stream.id, ending)
        guards.late.earn(HTTP2FloodGuards.latePerStream)
        events.append(.closed(stream, reason))
        giveBackOnConnection()
        reportDrained()
    }

    func reportableDrain() -> Bool {
        guard streams.openCount == 0, !drainedReported, phase != .ended else { return false }
        return shutdown == .announced || (role == .client && peerLastStreamID != nil)
    }

    /// Tells the application once that the last stream of a connection that goes away has closed.
    mutating func reportDrained() {
        guard reportableDrain() else { return }
        drainedReported = true
        events.append(.drained)
    }
}
