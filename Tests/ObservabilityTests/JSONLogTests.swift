import ApusObservability
import ApusPrimitives
import Foundation
import Logging
import Testing

@Suite struct JSONLogTests {
    let lines = Locked<[[UInt8]]>([])

    func logger(level: Logger.Level = .trace) -> Logger {
        Logger(label: "test") { label in
            JSONLogHandler(label: label, service: "shop", instance: "shop-1", level: level) { line in
                lines.withLock { $0.append(line) }
            }
        }
    }

    func objects() throws -> [[String: Any]] {
        try lines.withLock { $0 }.map { line in
            #expect(line.last == UInt8(ascii: "\n") && line.filter { $0 == UInt8(ascii: "\n") }.count == 1)
            return try #require(try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
        }
    }

    @Test func writesOneObjectALine() throws {
        var logger = logger()
        logger[metadataKey: "user"] = "u1"
        logger.warning("low stock", metadata: ["left": .stringConvertible(3), "of": ["a": "b"], "list": ["x", "y"]])
        logger.error("failed", error: CancellationError())
        let objects = try objects()
        #expect(objects[0]["level"] as? String == "warning")
        #expect(objects[0]["logger"] as? String == "test")
        #expect(objects[0]["message"] as? String == "low stock")
        #expect(objects[0]["service"] as? String == "shop")
        #expect(objects[0]["instance"] as? String == "shop-1")
        let metadata = try #require(objects[0]["metadata"] as? [String: Any])
        #expect(metadata["left"] as? Int == 3)
        #expect(metadata["user"] as? String == "u1")
        #expect(metadata["of"] as? [String: String] == ["a": "b"])
        #expect(metadata["list"] as? [String] == ["x", "y"])
        #expect(objects[1]["error"] as? String == "CancellationError()")
    }

    @Test func theTimestampIsRFC3339() throws {
        logger().info("now")
        let text = try #require(try objects()[0]["timestamp"] as? String)
        #expect(text.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil)
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        #expect(abs(try style.parse(text).timeIntervalSinceNow) < 60)
    }

    @Test func aServiceOfTheLoggersOwnIsOnTheOuterLevel() throws {
        var logger = logger()
        logger[metadataKey: "service"] = "order"
        logger[metadataKey: "instance"] = "order-2"
        logger.info("x")
        let object = try objects()[0]
        #expect(object["service"] as? String == "order")
        #expect(object["instance"] as? String == "order-2")
        #expect(object["metadata"] == nil)
    }

    @Test func carriesTheTrace() throws {
        let trace = TraceContext.root()
        TraceContext.$current.withValue(trace) { logger().info("in a request") }
        logger().info("outside")
        let objects = try objects()
        #expect(objects[0]["trace_id"] as? String == trace.traceID.description)
        #expect(objects[0]["span_id"] as? String == trace.spanID.description)
        #expect(objects[1]["trace_id"] == nil)
    }

    @Test func whatComesFromOutsideCannotForgeLinesOrSteerATerminal() throws {
        let evil = "a\nb\r\u{1B}[2J\u{0}\u{9B}\u{2028}\"\\{}é🦅"
        logger().info("\(evil)", metadata: ["k\n\"": "\(evil)"])
        let object = try objects()[0]
        #expect(object["message"] as? String == evil)
        #expect((object["metadata"] as? [String: String])?["k\n\""] == evil)
        let raw = lines.withLock { $0[0] }.dropLast()
        #expect(raw.allSatisfy { $0 >= 0x20 && $0 != 0x7F })
        #expect(!String(decoding: raw, as: UTF8.self).unicodeScalars.contains("\u{9B}"))
    }

    @Test func aLineIsBounded() throws {
        logger().info("\(String(repeating: "x", count: 1_000_000))")
        #expect(lines.withLock { $0[0].count } < 20_000)
        #expect(try objects().count == 1)
    }
}
