public import NIOCore

extension HTTP2Connection {
    /// What there is to write now, DATA of all streams in turn included; nil when there is nothing. The storage is used
    /// again when the transport has let go of it.
    public mutating func takeOutput() -> ByteBuffer? {
        sendQueued()
        guard outputBytes > 0 else { return nil }
        outputIsTaken = true
        return output
    }

    /// Gives memory back that only helps while the connection is busy.
    public mutating func releaseMemory() {
        if outputBytes == 0 { output = ByteBuffer() }
        outputIsTaken = false
        headers = HTTP2Headers()
    }

    /// To be called before anything is appended to `output`.
    @inline(__always)
    mutating func beginOutput() {
        if outputIsTaken || output.readableBytes == 0 { renewOutput() }
    }

    private mutating func renewOutput() {
        outputSince = now
        if outputIsTaken, output.capacity > 65_536, output.readableBytes < output.capacity / 8 {
            output = ByteBuffer()
        } else {
            output.clear(minimumCapacity: 1_024)
        }
        outputIsTaken = false
    }

    // MARK: Fields

    mutating func writeHeaders(_ source: HTTP2FieldSource, _ id: UInt32, endStream: Bool) {
        guard phase != .ended else { return }
        hasSentOnStreams = true
        beginOutput()
        let flags = HTTP2Flags.endHeaders | (endStream ? HTTP2Flags.endStream : 0)
        if source.list == nil, let template = source.template, !encoder.owesUpdate,
            writeKept(Int(template.index), flags, id)
        {
            return
        }
        let start = output.writerIndex
        output.writeFrameHeader(length: 0, HTTP2FrameType.headers, flags: flags, streamID: id)
        if encoder.owesUpdate {
            output.writeWithUnsafeMutableBytes(minimumWritableBytes: 2 * HPACKInteger.maxBytes) { bytes in
                encoder.encodeUpdates(into: bytes.baseAddress!)
            }
        }
        if let template = source.template { writeTemplate(Int(template.index)) }
        if let list = source.list { writeList(list) }
        let length = output.writerIndex - start - HTTP2FrameHeader.size
        guard length <= peer.maxFrameSize else { return splitHeaders(start, length, id, endStream: endStream) }
        output.setInteger(UInt32(truncatingIfNeeded: length) << 8 | UInt32(HTTP2FrameType.headers), at: start)
    }

    /// Writes a HEADERS frame of a block that was encoded before; false when there is none that still holds.
    private mutating func writeKept(_ index: Int, _ flags: UInt8, _ id: UInt32) -> Bool {
        guard index >= 0, index < templates.count, templates[index].generation == encoder.generation,
            templates[index].block.count <= peer.maxFrameSize
        else { return false }
        templates[index].block.withUnsafeBytes { block in
            let size = HTTP2FrameHeader.size + block.count
            output.writeWithUnsafeMutableBytes(minimumWritableBytes: size) { bytes in
                let base = bytes.baseAddress!
                HTTP2FrameHeader.write(
                    length: block.count, type: HTTP2FrameType.headers, flags: flags, streamID: id, to: base)
                if let start = block.baseAddress {
                    (base + HTTP2FrameHeader.size).copyMemory(from: start, byteCount: block.count)
                }
                return size
            }
        }
        return true
    }

    private mutating func writeTemplate(_ index: Int) {
        guard index >= 0, index < templates.count else { return }
        if templates[index].generation == encoder.generation {
            output.writeBytes(templates[index].block)
            return
        }
        let start = output.writerIndex
        let before = encoder.generation
        writeList(templates[index].fields)
        guard encoder.generation == before else { return }
        templates[index].block = output.getBytes(at: start, length: output.writerIndex - start)!
        templates[index].generation = before
    }

    private mutating func writeList(_ list: HTTP2Headers) {
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: encoder.bound(list)) { bytes in
            encoder.encode(list, into: bytes.baseAddress!)
        }
    }

    /// The block is larger than the peer's frames: HEADERS and CONTINUATION (RFC 9113, section 6.10).
    private mutating func splitHeaders(_ start: Int, _ length: Int, _ id: UInt32, endStream: Bool) {
        var block = output.getSlice(at: start + HTTP2FrameHeader.size, length: length)!
        output.moveWriterIndex(to: start)
        var type = HTTP2FrameType.headers
        var flags = endStream ? HTTP2Flags.endStream : 0
        while block.readableBytes > 0 {
            var piece = block.readSlice(length: min(block.readableBytes, peer.maxFrameSize))!
            if block.readableBytes == 0 { flags |= HTTP2Flags.endHeaders }
            output.writeFrameHeader(length: piece.readableBytes, type, flags: flags, streamID: id)
            output.writeBuffer(&piece)
            (type, flags) = (HTTP2FrameType.continuation, 0)
        }
    }

    // MARK: Data

    /// The slot of a stream that takes data from this side.
    func writableSlot(_ stream: HTTP2Stream) -> Int32? {
        guard let slot = streams.slot(of: stream), streams[slot].flags.contains(.headSent),
            streams[slot].flags.isDisjoint(with: [.endQueued, .endSent])
        else { return nil }
        return slot
    }

    /// Whether `count` bytes may be written in one frame now, without overtaking anybody.
    @inline(__always)
    func canSendAtOnce(_ count: Int, _ slot: Int32) -> Bool {
        streams[slot].queue.isEmpty && firstListed < 0
            && (count == 0 || count <= min(streams[slot].sendWindow, sendWindow, peer.maxFrameSize))
            && outputBytes < configuration.outputBytes
    }

    mutating func writeData(_ bytes: ByteBuffer, _ count: Int, _ slot: Int32, endStream: Bool) {
        writeDataHeader(count, slot, endStream: endStream)
        output.writeImmutableBuffer(bytes)
    }

    mutating func writeMessage(_ message: ByteBuffer, compressed: Bool, _ slot: Int32, endStream: Bool) {
        let count = message.readableBytes
        takeFromWindows(count + 5, slot)
        beginOutput()
        let flags = endStream ? HTTP2Flags.endStream : 0
        let id = streams[slot].id
        message.withUnsafeReadableBytes { message in
            let size = HTTP2FrameHeader.size + 5
            output.writeWithUnsafeMutableBytes(minimumWritableBytes: size + count) { bytes in
                let base = bytes.baseAddress!
                HTTP2FrameHeader.write(
                    length: count + 5, type: HTTP2FrameType.data, flags: flags, streamID: id, to: base)
                base.storeBytes(of: compressed ? 1 : 0, toByteOffset: HTTP2FrameHeader.size, as: UInt8.self)
                let length = UInt32(truncatingIfNeeded: count).bigEndian
                base.storeBytes(of: length, toByteOffset: HTTP2FrameHeader.size + 1, as: UInt32.self)
                if let start = message.baseAddress { (base + size).copyMemory(from: start, byteCount: count) }
                return size + count
            }
        }
    }

    /// Begins a DATA frame of `count` bytes, and takes them from the windows.
    mutating func writeDataHeader(_ count: Int, _ slot: Int32, endStream: Bool) {
        beginOutput()
        output.writeFrameHeader(
            length: count, HTTP2FrameType.data, flags: endStream ? HTTP2Flags.endStream : 0, streamID: streams[slot].id)
        takeFromWindows(count, slot)
    }

    private mutating func takeFromWindows(_ count: Int, _ slot: Int32) {
        hasSentOnStreams = true
        streams[slot].sendWindow -= count
        sendWindow -= count
        if count >= HTTP2FloodGuards.dribbleBytes || streams[slot].sendWindow > 0 {
            guards.windowUpdates.earn(HTTP2FloodGuards.updatesPerData)
            guards.pings.earn(1)
        }
    }

    /// END_STREAM of this side is in the output.
    mutating func ended(_ slot: Int32) {
        streams[slot].flags.formUnion([.endQueued, .endSent])
        if streams[slot].flags.contains(.endReceived) {
            closeStream(slot, .completed, by: .byPeer)
        } else if role == .server {
            beginOutput()
            output.writeFrame(
                HTTP2FrameType.resetStream, streamID: streams[slot].id, HTTP2ErrorCode.noError.rawValue)
            closeStream(slot, .completed, by: .byUs)
        }
    }

    // MARK: The queue

    /// Data was added to the stream's queue.
    mutating func queued(_ slot: Int32, endStream: Bool) -> HTTP2SendResult {
        if endStream { streams[slot].flags.insert(.endQueued) }
        list(slot)
        guard streams[slot].queue.count > configuration.streamQueueBytes else { return .accepted }
        streams[slot].flags.insert(.full)
        return .full
    }

    /// Puts the stream at the end of the list of those that send, if it can.
    mutating func list(_ slot: Int32) {
        guard !streams[slot].isListed, streams[slot].canSend else { return }
        streams[slot].isListed = true
        streams[slot].next = -1
        if lastListed >= 0 { streams[lastListed].next = slot } else { firstListed = slot }
        lastListed = slot
    }

    private mutating func unlistFirst() -> Int32 {
        let slot = firstListed
        firstListed = streams[slot].next
        if firstListed < 0 { lastListed = -1 }
        streams[slot].isListed = false
        return slot
    }

    /// Writes what the queues hold and the windows allow, one frame of each stream in turn.
    mutating func sendQueued() {
        while firstListed >= 0, phase != .ended, outputBytes < configuration.outputBytes {
            let isClosed = streams[firstListed].id == 0 || streams[firstListed].flags.contains(.closed)
            // An end without data needs no window; what waits for the connection's keeps its turn.
            if !isClosed, sendWindow <= 0, !streams[firstListed].queue.isEmpty { return }
            let slot = unlistFirst()
            guard !isClosed, streams[slot].canSend else { continue }
            sendFrame(slot)
        }
    }

    private mutating func sendFrame(_ slot: Int32) {
        let queued = streams[slot].queue.count
        let count = min(queued, streams[slot].sendWindow, sendWindow, peer.maxFrameSize)
        let isLast = count == queued && streams[slot].flags.contains(.endQueued)
        let endsWithData = isLast && streams[slot].trailers == nil
        if count > 0 || endsWithData {
            writeDataHeader(max(0, count), slot, endStream: endsWithData)
            streams[slot].queue.move(max(0, count), to: &output)
            queuedBytes -= max(0, count)
        }
        if isLast {
            if let trailers = streams[slot].trailers { writeHeaders(trailers, streams[slot].id, endStream: true) }
            return ended(slot)
        }
        if streams[slot].flags.contains(.full), streams[slot].queue.count <= configuration.streamQueueBytes / 2 {
            streams[slot].flags.remove(.full)
            events.append(.writable(HTTP2Stream(id: streams[slot].id, slot: slot)))
        }
        list(slot)
    }
}
