public import NIOCore

/// What became of data that was sent on a stream.
public enum HTTP2SendResult: Sendable {
    /// Taken; more may follow.
    case accepted
    /// Taken, and the stream's queue is full: send the next after the event `writable`.
    case full
    /// The stream is closed, or this side has ended it already: the data is dropped.
    case closed
}

extension HTTP2Connection {
    /// Tells the connection of fields that will be sent again and again; nil when it knows `HTTP2Template.maxCount`
    /// already. Fields that are to be `.indexed` enter the peer's table when first sent, if it has room.
    public mutating func template(_ fields: HTTP2Headers) -> HTTP2Template? {
        guard templates.count < HTTP2Template.maxCount else { return nil }
        templates.append(HTTP2TemplateState(fields: fields))
        return HTTP2Template(index: Int32(templates.count - 1))
    }

    /// At a client: opens a stream with a request. Pseudo fields come first, in `template` where it is given.
    public mutating func openStream(
        _ template: HTTP2Template? = nil, adding fields: HTTP2Headers? = nil, endStream: Bool = false
    ) throws(HTTP2OpenRefusal) -> HTTP2Stream {
        if let refusal { throw refusal }
        lastStreamID = lastStreamID == 0 ? 1 : lastStreamID + 2
        let id = lastStreamID
        let slot = streams.open(
            id: id, sendWindow: peer.initialWindowSize, receiveWindow: initialReceiveWindow)
        streams[slot].flags.insert(.headSent)
        writeHeaders(HTTP2FieldSource(template: template, list: fields), id, endStream: endStream)
        if endStream { ended(slot) }
        return HTTP2Stream(id: id, slot: slot)
    }

    var refusal: HTTP2OpenRefusal? {
        if isGoingAway || role == .server { return .goingAway }
        if lastStreamID >= 0x7FFF_FFFD { return .outOfStreams }
        return streams.openCount >= peer.maxConcurrentStreams ? .tooManyStreams : nil
    }

    /// At a server: begins the response, `:status` first. False when the stream is closed or has its response already.
    @discardableResult
    public mutating func sendHeaders(
        _ template: HTTP2Template? = nil, adding fields: HTTP2Headers? = nil, on stream: HTTP2Stream,
        endStream: Bool = false
    ) -> Bool {
        guard let slot = streams.slot(of: stream), !streams[slot].flags.contains(.headSent) else { return false }
        streams[slot].flags.insert(.headSent)
        writeHeaders(HTTP2FieldSource(template: template, list: fields), stream.id, endStream: endStream)
        if endStream { ended(slot) }
        return true
    }

    /// Sends bytes of the body, as far as the peer's windows allow; the rest waits in the stream's queue.
    @discardableResult
    public mutating func sendData(
        _ bytes: ByteBuffer, on stream: HTTP2Stream, endStream: Bool = false
    ) -> HTTP2SendResult {
        guard let slot = writableSlot(stream) else { return .closed }
        let count = bytes.readableBytes
        if canSendAtOnce(count, slot) {
            if count > 0 || endStream { writeData(bytes, count, slot, endStream: endStream) }
            if endStream { ended(slot) }
            return .accepted
        }
        streams[slot].queue.append(bytes)
        queuedBytes += count
        return queued(slot, endStream: endStream)
    }

    /// Sends a gRPC message: a byte that says whether it is compressed, its length in four bytes, and itself.
    @discardableResult
    public mutating func sendMessage(
        _ message: ByteBuffer, compressed: Bool = false, on stream: HTTP2Stream, endStream: Bool = false
    ) -> HTTP2SendResult {
        guard let slot = writableSlot(stream) else { return .closed }
        let count = message.readableBytes + 5
        if canSendAtOnce(count, slot) {
            writeMessage(message, compressed: compressed, slot, endStream: endStream)
            if endStream { ended(slot) }
            return .accepted
        }
        streams[slot].queue.append(message: message, compressed: compressed)
        queuedBytes += count
        return queued(slot, endStream: endStream)
    }

    /// Ends the stream with trailers, after what is queued. At a server this is the end of the stream: a client that still
    /// sends is told to stop (RST_STREAM with NO_ERROR). False when the stream is closed or ended already.
    @discardableResult
    public mutating func sendTrailers(
        _ template: HTTP2Template? = nil, adding fields: HTTP2Headers? = nil, on stream: HTTP2Stream
    ) -> Bool {
        guard let slot = writableSlot(stream) else { return false }
        let source = HTTP2FieldSource(template: template, list: fields)
        if streams[slot].queue.isEmpty {
            writeHeaders(source, stream.id, endStream: true)
            ended(slot)
        } else {
            streams[slot].flags.insert(.endQueued)
            streams[slot].trailers = source
        }
        return true
    }

    /// Ends the stream at once, and drops what is queued. Nothing happens when it is closed.
    public mutating func reset(_ stream: HTTP2Stream, _ code: HTTP2ErrorCode) {
        guard let slot = streams.slot(of: stream) else { return }
        resetStream(slot, HTTP2Failure(code, "reset by this side"))
    }

    /// Tells the peer that `count` bytes of the stream's `data` events were taken, so that it may send as many more.
    public mutating func consumed(_ count: Int, on stream: HTTP2Stream) {
        guard let slot = streams.slot(of: stream) else { return }
        let count = max(0, min(count, streams[slot].unread))
        streams[slot].unread -= count
        unread -= count
        giveBack(count, slot)
        giveBackOnConnection()
    }

    /// Sends a PING; `ponged` with the same bytes answers it.
    public mutating func ping(_ opaque: UInt64) {
        guard phase != .ended else { return }
        beginOutput()
        output.writeFrame(HTTP2FrameType.ping, streamID: 0, opaque)
    }
}
