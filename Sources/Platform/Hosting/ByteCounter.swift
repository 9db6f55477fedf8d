import ApusRPC
import NIOCore

/// The first handler of a connection: tells the gate how many bytes came, so that a head is bounded while it is still
/// incomplete, and keeps them from the decoder when nobody wants them any more.
final class ByteCounter: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let gate: RequestGate
    private var gateContext: ChannelHandlerContext?

    init(gate: RequestGate) {
        self.gate = gate
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        gateContext = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        gate.isReadWanted = false
        if case .discarding = gate.reading { return }
        let buffer = unwrapInboundIn(data)
        if gateContext == nil { gateContext = try? context.pipeline.syncOperations.context(handler: gate) }
        if let gateContext { gate.willDecode(buffer, gateContext) }
        if case .discarding = gate.reading { return }
        context.fireChannelRead(data)
    }
}

extension RequestGate {
    /// Counts the bytes of a head, up to its empty line. What follows a body in the same read is not counted; the decoder
    /// has it then, whose own limits hold.
    func willDecode(_ buffer: ByteBuffer, _ context: ChannelHandlerContext) {
        switch reading {
        case .idle:
            reading = .head
            headBytes = 0
            lineBytes = 0
            sawRequestLine = false
            if unanswered.isEmpty { expire(in: limits.readTimeout, context) }
        case .head: break
        case .body, .discarding: return
        }
        buffer.withUnsafeReadableBytes(count)
        if !sawRequestLine, headBytes > limits.targetBytes + Self.requestLineSlack {
            refuse(.uriTooLong(limit: limits.targetBytes), context)
        } else if headBytes > limits.headerBytes + limits.targetBytes + Self.requestLineSlack {
            refuse(.headersTooLarge(limit: limits.headerBytes), context)
        }
    }

    private func count(_ bytes: UnsafeRawBufferPointer) {
        for byte in bytes {
            headBytes += 1
            if byte == UInt8(ascii: "\n") {
                if lineBytes == 0, sawRequestLine { return }
                if lineBytes > 0 { sawRequestLine = true }
                lineBytes = 0
            } else if byte != UInt8(ascii: "\r") {
                lineBytes += 1
            }
        }
    }

    /// The method, the version and the spaces.
    static let requestLineSlack = 64
}
