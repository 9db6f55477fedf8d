@testable import ApusGRPC

extension HTTP2SpecTests {
    static let answer = ["HEADERS 1 [:status: 200]", "DATA 1 5 end"]
    private static let open = Wire.headers(1, end: false)
    private static let closed = [Wire.headers(1)]

    /// Sections 4 and 5.5.
    static let framing: [Case] = [
        Case(
            "4.1", "unknown types are ignored", [Wire.frame(0xFA, flags: 0xFF, 0, [1, 2]), Wire.headers(1)],
            .fine(answer)),
        Case(
            "4.1", "undefined flags are ignored", [Wire.frame(6, flags: 0xFE, 0, [UInt8](repeating: 0, count: 8))],
            .fine(["PING ack"])),
        Case(
            "4.1", "the reserved bit is ignored", [Wire.frame(6, 0x8000_0000, [UInt8](repeating: 0, count: 8))],
            .fine(["PING ack"])),
        Case("4.2", "DATA of 2^14 bytes", [open, Wire.data(1, 16_384, end: true)], .fine(answer)),
        Case("4.2", "DATA above the limit", [open, Wire.data(1, 16_385)], .goAway(.frameSizeError)),
        Case(
            "4.2", "HEADERS above the limit", [Wire.headers(1, [UInt8](repeating: 0x82, count: 16_385))],
            .goAway(.frameSizeError)),
        Case(
            "4.2", "an unknown frame above the limit", [Wire.frame(0xFA, 0, length: 0xFF_FFFF)],
            .goAway(.frameSizeError)),
        Case(
            "4.3", "PRIORITY within a block", [Wire.headers(1, whole: false), Wire.priority(1)], .goAway(.protocolError)
        ),
        Case(
            "4.3", "HEADERS of another stream within a block", [Wire.headers(1, whole: false), Wire.headers(3)],
            .goAway(.protocolError)),
        Case(
            "4.3", "DATA within a block", [Wire.headers(1, end: false, whole: false), Wire.data(1, 1)],
            .goAway(.protocolError)),
        Case("4.3", "PING within a block", [Wire.headers(1, whole: false), Wire.ping()], .goAway(.protocolError)),
        Case(
            "5.5", "an unknown frame within a block", [Wire.headers(1, whole: false), Wire.frame(0xFA, 1)],
            .goAway(.protocolError)),
        Case("5.5", "unknown settings are ignored", [Wire.settings([(0xFF, 7)])], .fine(["SETTINGS ack"])),
    ]

    /// Sections 5.1 to 5.3.
    static let states: [Case] = [
        Case("5.1", "idle: DATA", [Wire.data(1, 1)], .goAway(.protocolError)),
        Case("5.1", "idle: RST_STREAM", [Wire.reset(1)], .goAway(.protocolError)),
        Case("5.1", "idle: WINDOW_UPDATE", [Wire.windowUpdate(1, 1)], .goAway(.protocolError)),
        Case("5.1", "idle: CONTINUATION", [Wire.continuation(1, Wire.request)], .goAway(.protocolError)),
        Case("5.1", "idle: PRIORITY", [Wire.priority(1), Wire.headers(1)], .fine(answer)),
        Case(
            "5.1", "half-closed: DATA", [Wire.settings([(4, 0)]), Wire.headers(1), Wire.data(1, 1)],
            .reset(.streamClosed)),
        Case(
            "5.1", "half-closed: HEADERS", [Wire.settings([(4, 0)]), Wire.headers(1), Wire.headers(1)],
            .reset(.streamClosed)),
        Case(
            "5.1", "half-closed: CONTINUATION", [Wire.settings([(4, 0)]), Wire.headers(1), Wire.continuation(1, [])],
            .goAway(.protocolError)),
        Case(
            "5.1", "half-closed: WINDOW_UPDATE", [Wire.settings([(4, 0)]), Wire.headers(1), Wire.windowUpdate(1, 5)],
            .fine(answer)),
        Case("5.1", "closed by RST_STREAM: DATA", [open, Wire.reset(1), Wire.data(1, 1)], .reset(.streamClosed)),
        Case("5.1", "closed by RST_STREAM: HEADERS", [open, Wire.reset(1), Wire.headers(1)], .goAway(.streamClosed)),
        Case(
            "5.1", "closed by RST_STREAM: CONTINUATION", [open, Wire.reset(1), Wire.continuation(1, [])],
            .goAway(.protocolError)),
        Case("5.1", "closed by END_STREAM: DATA", closed + [Wire.data(1, 1)], .reset(.streamClosed)),
        Case("5.1", "closed by END_STREAM: HEADERS", closed + [Wire.headers(1)], .goAway(.streamClosed)),
        Case("5.1", "closed by END_STREAM: CONTINUATION", closed + [Wire.continuation(1, [])], .goAway(.protocolError)),
        Case(
            "5.1", "closed: WINDOW_UPDATE, RST_STREAM and PRIORITY",
            closed + [Wire.windowUpdate(1, 1), Wire.reset(1), Wire.priority(1)], .fine(answer)),
        Case("5.1.1", "an even number", [Wire.headers(2)], .goAway(.protocolError)),
        Case("5.1.1", "a number that was skipped", [Wire.headers(5), Wire.headers(3)], .goAway(.protocolError)),
        Case(
            "5.3.1", "a stream that depends on itself: no error since RFC 9113",
            [Wire.priority(1, dependsOn: 1), Wire.headers(1)], .fine(answer)),
    ]

    /// Section 6.
    static let frameTypes: [Case] = [
        Case("6.1", "DATA on stream 0", [Wire.data(0, 1)], .goAway(.protocolError)),
        Case(
            "6.1", "padding beyond the frame", [open, Wire.frame(0, flags: 9, 1, [6, 1, 2, 3, 4, 5])],
            .goAway(.protocolError)),
        Case("6.1", "padded DATA without a length", [open, Wire.frame(0, flags: 9, 1)], .goAway(.frameSizeError)),
        Case("6.1", "padding is dropped", [open, Wire.frame(0, flags: 9, 1, [3, 1, 2, 0, 0, 0])], .fine(answer)),
        Case("6.1", "padding only", [open, Wire.frame(0, flags: 9, 1, [3, 0, 0, 0])], .fine(answer)),
        Case("6.2", "HEADERS on stream 0", [Wire.headers(0)], .goAway(.protocolError)),
        Case(
            "6.2", "padding beyond the frame", [Wire.frame(1, flags: 0xD, 1, [200] + Wire.request)],
            .goAway(.protocolError)),
        Case(
            "6.2", "padding and priority",
            [Wire.frame(1, flags: 0x2D, 1, [2, 0, 0, 0, 0, 1] + Wire.request + [0, 0])], .fine(answer)),
        Case(
            "6.2", "a priority that is cut off", [Wire.frame(1, flags: 0x25, 1, [0, 0, 0])], .goAway(.frameSizeError)),
        Case("6.3", "PRIORITY on stream 0", [Wire.priority(0)], .goAway(.protocolError)),
        Case("6.3", "PRIORITY of 4 bytes", [open, Wire.frame(2, 1, [0, 0, 0, 0])], .reset(.frameSizeError)),
        Case("6.4", "RST_STREAM on stream 0", [Wire.reset(0)], .goAway(.protocolError)),
        Case("6.4", "RST_STREAM of 3 bytes", [open, Wire.frame(3, 1, [0, 0, 0])], .goAway(.frameSizeError)),
        Case(
            "6.5", "an acknowledgement with entries", [Wire.frame(4, flags: 1, 0, [0, 1, 0, 0, 0, 1])],
            .goAway(.frameSizeError)),
        Case("6.5", "SETTINGS on a stream", [Wire.frame(4, 1)], .goAway(.protocolError)),
        Case("6.5", "SETTINGS of 5 bytes", [Wire.frame(4, 0, [0, 1, 0, 0, 0])], .goAway(.frameSizeError)),
        Case("6.5.2", "ENABLE_PUSH of 2", [Wire.settings([(2, 2)])], .goAway(.protocolError)),
        Case(
            "6.5.2", "an initial window above 2^31 - 1", [Wire.settings([(4, 0x8000_0000)])], .goAway(.flowControlError)
        ),
        Case("6.5.2", "a frame size below 2^14", [Wire.settings([(5, 16_383)])], .goAway(.protocolError)),
        Case("6.5.2", "a frame size above 2^24 - 1", [Wire.settings([(5, 0x100_0000)])], .goAway(.protocolError)),
        Case(
            "6.5.3", "the last value of a setting holds", [Wire.settings([(4, 100), (4, 1)]), Wire.headers(1)],
            .fine(["SETTINGS ack", "DATA 1 1"])),
        Case(
            "6.6", "PUSH_PROMISE", [open, Wire.frame(5, flags: 4, 1, [0, 0, 0, 2] + Wire.request)],
            .goAway(.protocolError)),
        Case("6.7", "PING is answered", [Wire.ping()], .fine(["PING ack"])),
        Case("6.7", "an answer is not answered", [Wire.ping(ack: true)], .fine()),
        Case("6.7", "PING on a stream", [Wire.frame(6, 1, [UInt8](repeating: 0, count: 8))], .goAway(.protocolError)),
        Case("6.7", "PING of 6 bytes", [Wire.ping([1, 2, 3, 4, 5, 6])], .goAway(.frameSizeError)),
        Case("6.8", "GOAWAY on a stream", [Wire.frame(7, 1, [UInt8](repeating: 0, count: 8))], .goAway(.protocolError)),
        Case("6.8", "GOAWAY of 7 bytes", [Wire.frame(7, 0, [UInt8](repeating: 0, count: 7))], .goAway(.frameSizeError)),
        Case(
            "6.8", "what is open goes on after GOAWAY", [open, Wire.goAway(0), Wire.data(1, 1, end: true)],
            .fine(answer)),
        Case("6.9", "a connection's WINDOW_UPDATE by 0", [Wire.windowUpdate(0, 0)], .goAway(.protocolError)),
        Case("6.9", "a stream's WINDOW_UPDATE by 0", [open, Wire.windowUpdate(1, 0)], .reset(.protocolError)),
        Case("6.9", "WINDOW_UPDATE of 3 bytes", [Wire.frame(8, 0, [0, 0, 1])], .goAway(.frameSizeError)),
        Case(
            "6.9.1", "a window of 1", [Wire.settings([(4, 1)]), Wire.headers(1)],
            .fine(["DATA 1 1"])),
        Case(
            "6.9.1", "a connection's window above 2^31 - 1", [Wire.windowUpdate(0, 0x7FFF_FFFF)],
            .goAway(.flowControlError)),
        Case(
            "6.9.1", "a stream's window above 2^31 - 1", [open, Wire.windowUpdate(1, 0x7FFF_FFFF)],
            .reset(.flowControlError)),
        Case(
            "6.9.2", "a window that grows after HEADERS",
            [Wire.settings([(4, 0)]), Wire.headers(1), Wire.settings([(4, 1)])], .fine(["DATA 1 1"])),
        Case(
            "6.9.2", "SETTINGS that move a window above 2^31 - 1",
            [open, Wire.windowUpdate(1, 0x7FFF_0000), Wire.settings([(4, 65_536)])], .goAway(.flowControlError),
            isFirst: true),
        Case(
            "6.10", "a block in many frames",
            [Wire.headers(1, Array(Wire.request[..<9]), whole: false)]
                + Wire.request[9...].map { Wire.continuation(1, [$0], whole: false) }.prefix(9) + [
                    Wire.continuation(1, Array(Wire.request[18...]))
                ], .fine(answer)),
        Case(
            "6.10", "CONTINUATION on stream 0", [Wire.headers(1, whole: false), Wire.continuation(0, [])],
            .goAway(.protocolError)),
        Case("6.10", "CONTINUATION after END_HEADERS", closed + [Wire.continuation(1, [])], .goAway(.protocolError)),
        Case(
            "6.10", "CONTINUATION after the last CONTINUATION",
            [Wire.headers(1, [], whole: false), Wire.continuation(1, Wire.request), Wire.continuation(1, [])],
            .goAway(.protocolError)),
        Case(
            "6.10", "CONTINUATION after DATA", [open, Wire.data(1, 1), Wire.continuation(1, [])],
            .goAway(.protocolError)),
        Case("7", "RST_STREAM of an unknown code", [open, Wire.reset(1, 0xFF)], .fine()),
        Case("7", "GOAWAY of an unknown code", [Wire.goAway(0, 0xFF)], .fine()),
    ]
}
