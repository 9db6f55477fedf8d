public import ApusPrimitives
public import NIOCore

extension HTTP2Connection {
    static var preface: StaticString { "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" }

    /// Takes bytes from the transport. Events of earlier bytes should have been taken: what is left of those is copied.
    public mutating func receive(_ bytes: ByteBuffer, now: MonotonicTime) {
        self.now = max(self.now, now.nanoseconds)
        guard phase != .ended else { return }
        if input.readableBytes == 0 {
            input = bytes
        } else {
            input.writeImmutableBuffer(bytes)
        }
    }

    /// The transport has ended: the peer sends nothing more, and nothing reaches it.
    public mutating func transportClosed() {
        guard phase != .ended else { return }
        end(HTTP2Failure(.noError, "the transport was closed"))
    }

    /// The next thing that happened; nil when more bytes are needed.
    public mutating func nextEvent() -> HTTP2Event? {
        while true {
            if !events.isEmpty, let event = events.popFirst() {
                if case .closed(let stream, _) = event { streams.release(stream.slot) }
                return event
            }
            guard phase != .ended else { return nil }
            if let event = readFrames() { return event }
            if events.isEmpty { sendQueued() }
            if events.isEmpty { return nil }
        }
    }

    /// Reads frames until one causes an event, or one is queued; nil when that is so, or no frame is whole.
    private mutating func readFrames() -> HTTP2Event? {
        while phase != .ended, events.isEmpty {
            if data != nil {
                guard input.readableBytes > 0 || data!.left + data!.padding == 0 else { break }
                if let event = readData() { return event }
                continue
            }
            if phase == .preface {
                guard readPreface() else { break }
                continue
            }
            guard input.readableBytes >= HTTP2FrameHeader.size else { break }
            let header = input.withUnsafeReadableBytes { HTTP2FrameHeader($0) }
            guard header.length <= configuration.maxFrameSize else {
                fail(.frameSizeError, "a frame above the limit (4.2)")
                break
            }
            if header.type == HTTP2FrameType.data, fragments == nil, phase == .open {
                let needed = HTTP2FrameHeader.size + (header.has(HTTP2Flags.padded) && header.length > 0 ? 1 : 0)
                guard input.readableBytes >= needed else { break }
                input.moveReaderIndex(forwardBy: HTTP2FrameHeader.size)
                beginData(header)
                continue
            }
            guard input.readableBytes >= HTTP2FrameHeader.size + header.length else { break }
            input.moveReaderIndex(forwardBy: HTTP2FrameHeader.size)
            let payload = input.readSlice(length: header.length)!
            if let event = readFrame(header, payload) { return event }
        }
        // The transport may use its memory again.
        if input.readableBytes == 0 { input = ByteBuffer() }
        return nil
    }

    private mutating func readPreface() -> Bool {
        let preface = UnsafeRawBufferPointer(Self.preface)
        let count = min(input.readableBytes, preface.count)
        let matches = input.withUnsafeReadableBytes { $0[..<count].elementsEqual(preface[..<count]) }
        guard matches else {
            fail(.protocolError, "not the preface of HTTP/2 (3.4)")
            return false
        }
        guard count == preface.count else { return false }
        input.moveReaderIndex(forwardBy: count)
        phase = .settings
        return true
    }

    private mutating func readFrame(_ header: HTTP2FrameHeader, _ payload: ByteBuffer) -> HTTP2Event? {
        if phase == .settings {
            guard header.type == HTTP2FrameType.settings, !header.has(HTTP2Flags.ack) else {
                return fail(.protocolError, "the first frame is not SETTINGS (3.4)")
            }
            phase = .open
            peer.maxConcurrentStreams = .max
        }
        if fragments != nil {
            guard header.type == HTTP2FrameType.continuation else {
                return fail(.protocolError, "a frame within a field block (6.10)")
            }
            return readContinuation(header, payload)
        }
        switch header.type {
        case HTTP2FrameType.headers: return readHeaders(header, payload)
        case HTTP2FrameType.windowUpdate: return readWindowUpdate(header, payload)
        case HTTP2FrameType.resetStream: return readReset(header, payload)
        case HTTP2FrameType.settings: return readSettings(header, payload)
        case HTTP2FrameType.ping: return readPing(header, payload)
        case HTTP2FrameType.goAway: return readGoAway(header, payload)
        case HTTP2FrameType.continuation: return fail(.protocolError, "CONTINUATION without a field block (6.10)")
        case HTTP2FrameType.pushPromise: return fail(.protocolError, "PUSH_PROMISE, which is not enabled (6.6)")
        case HTTP2FrameType.priority: return readPriority(header)
        default: return ignored()
        }
    }

    /// PRIORITY has no meaning any more (RFC 9113, section 5.3.2), but its form is still checked (6.3).
    private mutating func readPriority(_ header: HTTP2FrameHeader) -> HTTP2Event? {
        guard header.streamID != 0 else { return fail(.protocolError, "PRIORITY on stream 0 (6.3)") }
        if header.length != 5 {
            if let slot = streams.slot(of: header.streamID) {
                breach(slot, .frameSizeError, "PRIORITY of another length than 5 (6.3)")
            } else {
                return fail(.frameSizeError, "PRIORITY of another length than 5 (6.3)")
            }
        }
        return ignored()
    }

    private mutating func ignored() -> HTTP2Event? {
        guards.ignored.take(now: now) ? nil : fail(.enhanceYourCalm, "PRIORITY and unknown frames: limits.ignored")
    }
}
