import NIOCore

extension HTTP2Connection {
    /// Takes a DATA frame's header (RFC 9113, section 6.1): the frame counts against both windows as a whole, whatever
    /// becomes of it. Its bytes are then delivered as they come.
    mutating func beginData(_ header: HTTP2FrameHeader) {
        guard header.streamID != 0 else { return _ = fail(.protocolError, "DATA on stream 0 (6.1)") }
        receiveWindow -= header.length
        guard receiveWindow >= 0 else {
            return _ = fail(.flowControlError, "DATA beyond the connection's window (6.9.1)")
        }
        var padding = 0
        var left = header.length
        if header.has(HTTP2Flags.padded) {
            guard left > 0 else { return _ = fail(.frameSizeError, "padded DATA without its length (6.1)") }
            padding = Int(input.readInteger(as: UInt8.self)!)
            left -= 1 + padding
            guard left >= 0 else { return _ = fail(.protocolError, "padding beyond the frame (6.1)") }
        }
        let endStream = header.has(HTTP2Flags.endStream)
        if left == 0, !endStream, !guards.emptyData.take(now: now) {
            return _ = fail(.enhanceYourCalm, "DATA without data: limits.emptyData")
        }
        if left >= HTTP2FloodGuards.bytesPerPing { guards.pings.earn(left / HTTP2FloodGuards.bytesPerPing) }
        data = HTTP2DataProgress(stream: nil, left: left, padding: padding, endStream: endStream)
        guard let slot = streams.slot(of: header.streamID) else { return lateData(header) }
        acceptData(header.length, slot)
        if phase == .ended { data = nil }
    }

    /// The frame belongs to a stream that is open here; leaves `data.stream` nil when it is not for the application.
    private mutating func acceptData(_ length: Int, _ slot: Int32) {
        let (left, endStream) = (data!.left, data!.endStream)
        if streams[slot].flags.contains(.endReceived) {
            return breach(slot, .streamClosed, "DATA after END_STREAM (5.1)")
        }
        if role == .client, !streams[slot].flags.contains(.headReceived) {
            return breach(slot, .protocolError, "DATA before the response (8.1)")
        }
        streams[slot].receiveWindow -= length
        if streams[slot].receiveWindow < 0 {
            return breach(slot, .flowControlError, "DATA beyond the stream's window (6.9.1)")
        }
        if streams[slot].flags.contains(.bodiless), left > 0 {
            return breach(slot, .protocolError, "DATA of a response that has no content (8.1)")
        }
        if streams[slot].contentLeft >= 0 {
            streams[slot].contentLeft -= left
            let promised = streams[slot].contentLeft
            if promised < 0 || (endStream && promised > 0) {
                return breach(slot, .protocolError, "DATA that does not add up to content-length (8.1.1)")
            }
        }
        if endStream { streams[slot].flags.insert(.endReceived) }
        streams[slot].unread += left
        unread += left
        data!.stream = HTTP2Stream(id: streams[slot].id, slot: slot)
        if length > left { giveBack(length - left, slot) }
        giveBackOnConnection()
    }

    /// Delivers what there is of the DATA frame; nil when nothing is to be delivered.
    mutating func readData() -> HTTP2Event? {
        guard let progress = data else { return nil }
        let available = min(input.readableBytes, progress.left)
        // Forgotten when the stream was closed while its frame was coming in.
        let slot = progress.stream.flatMap { streams.slot(of: $0) }
        guard let slot, let stream = progress.stream else {
            skipData(available)
            return nil
        }
        let bytes = input.readSlice(length: available)!
        data!.left -= available
        let isLast = data!.left == 0
        if isLast { skipData(0) }
        let endStream = isLast && progress.endStream
        if endStream, streams[slot].flags.contains(.endSent) { closeStream(slot, .completed, by: .byPeer) }
        return available > 0 || endStream ? .data(stream, bytes, endStream: endStream) : nil
    }

    /// Drops `count` bytes of data, and the padding when it is reached.
    private mutating func skipData(_ count: Int) {
        input.moveReaderIndex(forwardBy: count)
        data!.left -= count
        guard data!.left == 0 else { return }
        let padding = min(input.readableBytes, data!.padding)
        input.moveReaderIndex(forwardBy: padding)
        data!.padding -= padding
        if data!.padding == 0 {
            data = nil
        } else {
            data!.stream = nil
        }
    }

    /// DATA for a stream that has no state (RFC 9113, section 5.1).
    private mutating func lateData(_ header: HTTP2FrameHeader) {
        giveBackOnConnection()
        guard isPast(header.streamID) else {
            data = nil
            return _ = fail(.protocolError, "DATA on an idle stream (5.1)")
        }
        guard countLate() else { return }
        if closedStreams.ending(of: header.streamID) != .byUs { resetUnknown(header.streamID, .streamClosed) }
    }

    // MARK: Windows

    /// Gives `count` bytes of the stream's window back, when half of it has come together.
    mutating func giveBack(_ count: Int, _ slot: Int32) {
        guard count > 0 else { return }
        streams[slot].credit += count
        guard streams[slot].flags.isDisjoint(with: [.endReceived, .closed]),
            streams[slot].credit * 2 >= configuration.streamWindow
        else { return }
        beginOutput()
        output.writeFrame(
            HTTP2FrameType.windowUpdate, streamID: streams[slot].id,
            UInt32(truncatingIfNeeded: streams[slot].credit))
        streams[slot].receiveWindow += streams[slot].credit
        streams[slot].credit = 0
    }

    /// Gives the connection's window back as data arrives, so that a stream that nobody reads holds up no other; but not
    /// beyond what all unread data together may be.
    mutating func giveBackOnConnection() {
        let allowed = min(configuration.connectionWindow, configuration.maxUnreadBytes - unread)
        let credit = allowed - receiveWindow
        guard credit * 2 >= configuration.connectionWindow, phase != .ended else { return }
        beginOutput()
        output.writeFrame(HTTP2FrameType.windowUpdate, streamID: 0, UInt32(truncatingIfNeeded: credit))
        receiveWindow += credit
    }

    mutating func readWindowUpdate(_ header: HTTP2FrameHeader, _ payload: ByteBuffer) -> HTTP2Event? {
        guard header.length == 4 else { return fail(.frameSizeError, "WINDOW_UPDATE of another length than 4 (6.9)") }
        guard guards.windowUpdates.take(now: now) else {
            return fail(.enhanceYourCalm, "WINDOW_UPDATE: limits.windowUpdates")
        }
        let increment = Int(payload.getInteger(at: payload.readerIndex, as: UInt32.self)! & 0x7FFF_FFFF)
        if header.streamID == 0 {
            guard increment > 0 else { return fail(.protocolError, "WINDOW_UPDATE by 0 (6.9)") }
            sendWindow += increment
            guard sendWindow <= HTTP2Setting.maxWindow else {
                return fail(.flowControlError, "a window above 2^31 - 1 (6.9.1)")
            }
            return nil
        }
        guard let slot = streams.slot(of: header.streamID) else {
            guard isPast(header.streamID) else { return fail(.protocolError, "WINDOW_UPDATE on an idle stream (5.1)") }
            _ = countLate()
            return nil
        }
        if increment == 0 {
            breach(slot, .protocolError, "WINDOW_UPDATE by 0 (6.9)")
        } else if streams[slot].sendWindow + increment > HTTP2Setting.maxWindow {
            breach(slot, .flowControlError, "a window above 2^31 - 1 (6.9.1)")
        } else {
            streams[slot].sendWindow += increment
            list(slot)
        }
        return nil
    }
}
