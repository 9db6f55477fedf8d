import ApusPrimitives
import Hummingbird
import TestSupport
import Testing

@testable import ApusHosting

@Suite struct FuzzTests {
    private struct Item: ResponseCodable {
        let name: String
        let count: Int
    }

    private static let (lanes, perLane) = (32, 100)

    /// Thousands of damaged requests, many at once: no answer is an accidental 5xx, nothing crashes, and connections and
    /// memory come back. The second round costs no memory that the first did not.
    @Test func `bad requests never hurt`() async throws {
        try await HostBench.run(
            changing: {
                $0.maxBodyBytes = 16 * 1024
                $0.maxHeaderBytes = 4096
                $0.maxTargetBytes = 1024
                $0.readTimeout = .milliseconds(200)
                $0.idleTimeout = .milliseconds(200)
            },
            routes: { router in
                router.get("/api") { _, _ in "api" }
                router.get("/api/{id}") { _, context in try context.parameters.require("id") }
                router.post("/api") { request, context in try await request.decode(as: Item.self, context: context) }
                router.put("/api") { request, context in
                    try await request.decodeStrictly(as: Item.self, context: context)
                }
            }
        ) { bench in
            var seeds = SeededRandom(seed: 20_261_121)
            let answered = try await Self.round(bench, &seeds)
            let (memory, files) = (try Resources.residentBytes(), try Resources.openFiles())
            let more = try await Self.round(bench, &seeds)
            // Most get an answer; the others were cut before there was one to give.
            #expect(answered + more > Self.lanes * Self.perLane)
            // Other tests run in this process at the same time; a leak of one body a request would be 50 MiB.
            #expect(try Resources.residentBytes() < memory + (40 << 20))
            #expect(try Resources.openFiles() < files + 200)
            #expect(try await bench.get("/api/alive").bodyText == "alive")
            #expect(try await bench.get("/metrics").bodyText.contains(#"requests_in_flight{service="demo"} 0"#))
            #expect(!bench.log.lines.contains { $0.contains(#""level":"error""#) })
        }
    }

    /// - Returns: how many got an answer.
    private static func round(_ bench: HostBench, _ seeds: inout SeededRandom) async throws -> Int {
        let answered = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<lanes {
                let random = seeds.split()
                group.addTask { try await bother(bench, random) }
            }
            return try await group.reduce(0, +)
        }
        try await eventually { bench.host.connections.count == 0 }
        return answered
    }

    private static func bother(_ bench: HostBench, _ start: SeededRandom) async throws -> Int {
        var random = start
        var answered = 0
        for _ in 0..<perLane {
            let connection = try await bench.connect()
            let bytes = BadRequest.bytes(using: &random)
            let cut = Int.random(in: 0...bytes.count, using: &random)
            // The service may close in the middle, so that sending fails.
            do {
                try await connection.send(Array(bytes[..<cut]))
                try await connection.send(Array(bytes[cut...]))
            } catch {}
            switch Int.random(in: 0..<8, using: &random) {
            case 0: break
            case 1: try? await connection.finishSending()
            default: try await eventually { connection.isClosed || !connection.received.isEmpty }
            }
            let text = connection.receivedText
            if !text.isEmpty {
                answered += 1
                #expect(text.hasPrefix("HTTP/1.1 "), "\(text.prefix(100))")
                for status in text.matches(of: /HTTP\/1\.1 ([0-9]{3})/).compactMap({ Int($0.output.1) }) {
                    #expect(
                        status < 500 || (502...504).contains(status),
                        "\(status) for \(String(decoding: bytes, as: UTF8.self))")
                }
            }
            await connection.close()
        }
        return answered
    }
}
