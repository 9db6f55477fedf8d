import ApusPrimitives
import NIOCore
import Testing

@testable import ApusGRPC

/// What a server answers to what RFC 9113 and RFC 7541 forbid or allow: the cases that h2spec checks, by section.
struct HTTP2SpecTests {
    enum Outcome: Sendable {
        case goAway(HTTP2ErrorCode)
        case reset(HTTP2ErrorCode)
        /// The connection goes on, and these lines are among what is written.
        case fine([String] = [])
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let section: String
        let what: String
        let frames: [[UInt8]]
        let outcome: Outcome
        /// It depends on windows or tables that earlier traffic has changed.
        let isFirst: Bool

        init(_ section: String, _ what: String, _ frames: [[UInt8]], _ outcome: Outcome, isFirst: Bool = false) {
            (self.section, self.what, self.frames, self.outcome) = (section, what, frames, outcome)
            self.isFirst = isFirst
        }

        var testDescription: String { "\(section) \(what)" }
    }

    enum Delivery: CaseIterable { case whole, byFrame, byByte }

    static let all = framing + states + frameTypes + messages + compression

    @Test(arguments: all)
    func conforms(_ example: Case) {
        for delivery in Delivery.allCases { check(example, delivery) }
    }

    private func check(_ example: Case, _ delivery: Delivery) {
        let server = ScriptedSide()
        let pieces =
            switch delivery {
            case .whole: [example.frames.flatMap { $0 }]
            case .byFrame: example.frames
            case .byByte: example.frames.flatMap { $0 }.map { [$0] }
            }
        for piece in pieces { server.send(piece) }
        let lines = server.takeLines()
        server.send(Wire.ping())
        let afterwards = server.takeLines()
        let comment: Comment = "\(example.section) \(example.what), \(delivery): \(lines)"
        let goneAway = lines.filter { $0.hasPrefix("GOAWAY") }
        switch example.outcome {
        case .goAway(let code):
            #expect(goneAway.count == 1 && goneAway[0].hasSuffix(" \(code)"), comment)
            #expect(lines.last == goneAway.last, comment)
            #expect(afterwards.isEmpty && server.side.hasEnded, comment)
            #expect(server.takeEvents().last == "failed \(code)", comment)
        case .reset(let code):
            #expect(lines.contains { $0.hasPrefix("RST_STREAM") && $0.hasSuffix(" \(code)") }, comment)
            #expect(goneAway.isEmpty && afterwards == ["PING ack"], comment)
        case .fine(let expected):
            #expect(expected.allSatisfy(lines.contains), comment)
            #expect(goneAway.isEmpty && !lines.contains { $0.hasPrefix("RST_STREAM") }, comment)
            #expect(afterwards == ["PING ack"], comment)
        }
    }

    @Test("3.4: the preface is checked byte by byte, and followed by SETTINGS")
    func preface() {
        for broken in 0..<24 {
            let server = ScriptedSide(greet: false)
            var preface = Wire.preface
            preface[broken] ^= 1
            server.send(preface)
            #expect(server.takeLines().last == "GOAWAY 0 PROTOCOL_ERROR")
        }
        for first in [Wire.ping(), Wire.settingsAck, Wire.headers(1), Wire.data(1, 1), Wire.goAway(0)] {
            let server = ScriptedSide(greet: false)
            server.send(Wire.preface + first)
            #expect(server.takeLines().last == "GOAWAY 0 PROTOCOL_ERROR")
        }
        let server = ScriptedSide(greet: false)
        for byte in Wire.preface + Wire.settings() { server.send([byte]) }
        #expect(server.takeLines() == ["SETTINGS", "WINDOW_UPDATE 0 4128769", "SETTINGS ack"])
    }

    @Test("5.4.1: nothing is read after a connection error")
    func nothingIsReadAfterAnError() {
        let server = ScriptedSide()
        server.send(Wire.data(0, 1) + Wire.headers(1) + Wire.ping())
        #expect(server.takeLines() == ["GOAWAY 0 PROTOCOL_ERROR"])
        server.send(Wire.headers(3))
        #expect(server.takeLines() == [] && server.takeEvents() == ["failed PROTOCOL_ERROR"])
    }
}
