import NIOCore

extension HTTP2Connection {
    mutating func readHeaders(_ header: HTTP2FrameHeader, _ payload: ByteBuffer) -> HTTP2Event? {
        guard header.streamID % 2 == 1 else {
            return fail(.protocolError, "HEADERS on a stream that a client cannot open (5.1.1)")
        }
        var block = payload
        var padding = 0
        if header.has(HTTP2Flags.padded) {
            guard let length = block.readInteger(as: UInt8.self) else {
                return fail(.frameSizeError, "padded HEADERS without its length (6.2)")
            }
            padding = Int(length)
        }
        if header.has(HTTP2Flags.priority) {
            guard block.readableBytes >= 5 else { return fail(.frameSizeError, "HEADERS without its priority (6.2)") }
            block.moveReaderIndex(forwardBy: 5)
        }
        guard padding <= block.readableBytes else { return fail(.protocolError, "padding beyond the frame (6.2)") }
        block.moveWriterIndex(to: block.writerIndex - padding)
        let endStream = header.has(HTTP2Flags.endStream)
        guard header.has(HTTP2Flags.endHeaders) else {
            guard block.readableBytes <= configuration.limits.headerBlockBytes else { return blockTooLong() }
            fragments = HTTP2HeaderFragments(
                streamID: header.streamID, endStream: endStream, block: ByteBuffer(bytes: block.readableBytesView))
            return nil
        }
        return readBlock(block, header.streamID, endStream: endStream)
    }

    mutating func readContinuation(_ header: HTTP2FrameHeader, _ payload: ByteBuffer) -> HTTP2Event? {
        guard var started = fragments, started.streamID == header.streamID else {
            return fail(.protocolError, "CONTINUATION of another stream (6.10)")
        }
        fragments = nil
        started.frames += 1
        guard started.frames <= configuration.limits.continuations else {
            return fail(.enhanceYourCalm, "a field block in many frames: limits.continuations")
        }
        guard started.block.readableBytes + payload.readableBytes <= configuration.limits.headerBlockBytes else {
            return blockTooLong()
        }
        started.block.writeImmutableBuffer(payload)
        if header.has(HTTP2Flags.endHeaders) {
            return readBlock(started.block, started.streamID, endStream: started.endStream)
        }
        fragments = started
        return nil
    }

    private mutating func blockTooLong() -> HTTP2Event? {
        fail(.enhanceYourCalm, "a long field block: limits.headerBlockBytes")
    }

    /// A field block is whole. It is decoded whatever becomes of it, because the table depends on it (4.3).
    private mutating func readBlock(_ block: ByteBuffer, _ id: UInt32, endStream: Bool) -> HTTP2Event? {
        headers.removeAll()
        var rules = HTTP2FieldRules()
        switch decode(block, &rules) {
        case .malformed(let what): return fail(.compressionError, "\(what) (RFC 7541)")
        case .bomb: return fail(.enhanceYourCalm, "a list of fields of many times limits.headerListBytes")
        case nil: break
        }
        if let slot = streams.slot(of: id) { return continueStream(slot, rules, endStream: endStream) }
        if role == .server, id > max(lastStreamID, ignoredStreamID) {
            return acceptStream(id, rules, endStream: endStream)
        }
        return lateHeaders(id)
    }

    private mutating func decode(_ block: ByteBuffer, _ rules: inout HTTP2FieldRules) -> HPACKDecoder.Failure? {
        block.withUnsafeReadableBytes { bytes in
            do throws(HPACKDecoder.Failure) {
                try decoder.decode(
                    bytes, into: &headers, rules: &rules, maxListBytes: configuration.limits.headerListBytes,
                    maxFields: configuration.limits.headerFields)
                return nil
            } catch {
                return error
            }
        }
    }

    /// A client opens a stream (RFC 9113, section 5.1.1).
    private mutating func acceptStream(_ id: UInt32, _ rules: HTTP2FieldRules, endStream: Bool) -> HTTP2Event? {
        // After the last GOAWAY the peer knows that streams above it are not looked at.
        if shutdown == .announced {
            ignoredStreamID = max(ignoredStreamID, id)
            closedStreams.add(id, .byUs)
            _ = countLate()
            return nil
        }
        lastStreamID = id
        guard streams.openCount < configuration.maxConcurrentStreams else {
            return refuse(id, HTTP2Failure(.refusedStream, "too many streams: maxConcurrentStreams"))
        }
        if let rule = rules.verdict(as: .request) { return refuse(id, HTTP2Failure(.protocolError, "\(rule)")) }
        if rules.isTooLong {
            return refuse(id, HTTP2Failure(.enhanceYourCalm, "a long list of fields: limits.headerListBytes"))
        }
        if endStream, let length = rules.contentLength, length > 0 {
            return refuse(id, HTTP2Failure(.protocolError, "no DATA after content-length (8.1.1)"))
        }
        let slot = streams.open(
            id: id, sendWindow: peer.initialWindowSize, receiveWindow: initialReceiveWindow)
        streams[slot].flags.insert(endStream ? [.headReceived, .endReceived] : .headReceived)
        if let length = rules.contentLength { streams[slot].contentLeft = length }
        guards.pings.earn(1)
        return .headers(HTTP2Stream(id: id, slot: slot), headers, endStream: endStream)
    }

    /// Answers HEADERS of a stream that does not come to be.
    private mutating func refuse(_ id: UInt32, _ failure: HTTP2Failure) -> HTTP2Event? {
        guard guards.resets.take(now: now) else {
            return fail(.enhanceYourCalm, "streams that end before they begin: limits.resets")
        }
        resetUnknown(id, failure.code)
        return nil
    }

    /// A response at a client, or trailers.
    private mutating func continueStream(_ slot: Int32, _ rules: HTTP2FieldRules, endStream: Bool) -> HTTP2Event? {
        let stream = HTTP2Stream(id: streams[slot].id, slot: slot)
        let flags = streams[slot].flags
        if flags.contains(.endReceived) {
            breach(slot, .streamClosed, "HEADERS after END_STREAM (5.1)")
            return nil
        }
        let isTrailers = flags.contains(.headReceived)
        if let fault = fault(of: rules, slot, isTrailers: isTrailers, endStream: endStream) {
            breach(slot, fault.code, fault.reason)
            return nil
        }
        guards.pings.earn(1)
        if !isTrailers {
            if rules.isInformational { return informational(slot, stream, endStream: endStream) }
            streams[slot].flags.insert(.headReceived)
            if headers.has(.status, "204") || headers.has(.status, "304") { streams[slot].flags.insert(.bodiless) }
            if let length = rules.contentLength { streams[slot].contentLeft = length }
        }
        if endStream {
            streams[slot].flags.insert(.endReceived)
            if streams[slot].flags.contains(.endSent) { closeStream(slot, .completed, by: .byPeer) }
        }
        return isTrailers ? .trailers(stream, headers) : .headers(stream, headers, endStream: endStream)
    }

    private mutating func informational(_ slot: Int32, _ stream: HTTP2Stream, endStream: Bool) -> HTTP2Event? {
        guard !endStream else {
            breach(slot, .protocolError, "a 1xx response that ends the stream (8.1)")
            return nil
        }
        guard guards.ignored.take(now: now) else {
            return fail(.enhanceYourCalm, "1xx responses: limits.ignored")
        }
        return .informational(stream, headers)
    }

    private func fault(
        of rules: HTTP2FieldRules, _ slot: Int32, isTrailers: Bool, endStream: Bool
    ) -> HTTP2Failure? {
        if rules.isTooLong {
            return HTTP2Failure(.enhanceYourCalm, "a long list of fields: limits.headerListBytes")
        }
        if isTrailers, !endStream { return HTTP2Failure(.protocolError, "trailers without END_STREAM (8.1)") }
        if let rule = rules.verdict(as: isTrailers ? .trailers : .response) {
            return HTTP2Failure(.protocolError, "\(rule)")
        }
        if endStream, isTrailers, streams[slot].contentLeft > 0 {
            return HTTP2Failure(.protocolError, "DATA that does not add up to content-length (8.1.1)")
        }
        return nil
    }

    /// HEADERS for a stream that has no state (RFC 9113, sections 5.1 and 5.1.1).
    private mutating func lateHeaders(_ id: UInt32) -> HTTP2Event? {
        guard isPast(id) else { return fail(.protocolError, "HEADERS on an idle stream (5.1)") }
        switch closedStreams.ending(of: id) {
        case .byUs: _ = countLate()
        case .byPeer: return fail(.streamClosed, "HEADERS on a closed stream (5.1)")
        case nil: return fail(.protocolError, "a stream number below one used before (5.1.1)")
        }
        return nil
    }
}
