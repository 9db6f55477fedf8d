import ApusPrimitives
import NIOCore
import SwiftProtobuf
import Testing

@testable import ApusGRPC

@Suite struct CodingTests {
    @Test(arguments: [
        (Duration.nanoseconds(1), "1n"), (.zero, "1n"), (.seconds(-5), "1n"), (.milliseconds(99), "99000000n"),
        (.milliseconds(100), "100000u"), (.seconds(1), "1000000u"), (.seconds(100), "100000m"),
        (.seconds(100_000), "100000S"), (.seconds(100_000_000), "1666666M"), (.seconds(6_000_000_000), "1666666H"),
    ])
    func `a timeout is sent in the finest unit that eight digits hold`(duration: Duration, text: String) {
        #expect(GRPCTimeout.encode(duration) == text)
    }

    @Test func `a timeout is never longer on the other side, and loses at most a part in a million`() {
        var random = SeededRandom(seed: 7)
        for _ in 0..<10_000 {
            let duration = Duration.nanoseconds(
                Int64.random(in: 1...(1 << 62) >> Int64.random(in: 0...60, using: &random), using: &random))
            let read = GRPCTimeout.decode(Array(GRPCTimeout.encode(duration).utf8))!
            #expect(read <= duration)
            #expect(duration.seconds - read.seconds <= duration.seconds * 6e-5 + 1e-9)
        }
    }

    @Test(arguments: ["", "n", "123", "123456789n", "1x", "-1n", "+1S", "1 S", "１S", "1.5S"])
    func `what is not a timeout is refused`(text: String) {
        #expect(GRPCTimeout.decode(Array(text.utf8)) == nil)
    }

    @Test func `the longest timeouts do not overflow`() {
        #expect(GRPCTimeout.decode(Array("99999999H".utf8)) == .nanoseconds(Int64.max))
        #expect(GRPCTimeout.encode(.nanoseconds(Int64.max)) == "2562047H")
    }

    @Test(arguments: [
        ("plain text!", "plain text!"), ("100%", "100%25"), ("\t\n", "%09%0A"), ("☺", "%E2%98%BA"),
        ("😈", "%F0%9F%98%88"), ("", ""),
    ])
    func `messages are percent-coded`(text: String, coded: String) {
        #expect(String(decoding: PercentCoding.encode(text), as: UTF8.self) == coded)
        #expect(PercentCoding.decode(Array(coded.utf8)) == text)
    }

    @Test func `a broken escape is kept, and broken UTF-8 repaired`() {
        #expect(PercentCoding.decode(Array("a%zz%4%".utf8)) == "a%zz%4%")
        #expect(PercentCoding.decode(Array("%FFx".utf8)) == "\u{FFFD}x")
    }

    @Test func `a message that is too long is cut between characters`() {
        #expect(PercentCoding.encode("aa☺", limit: 4) == Array("aa".utf8))
        #expect(PercentCoding.encode("aa☺", limit: 5).count == 2 + 9)
    }

    @Test func `base64 comes back, padded or not`() {
        var random = SeededRandom(seed: 11)
        for count in 0..<100 {
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            let text = Base64.encode(bytes)
            #expect(Base64.decode(text) == bytes)
            let padded = text + [UInt8](repeating: UInt8(ascii: "="), count: (4 - text.count % 4) % 4)
            #expect(Base64.decode(padded) == bytes)
        }
        for wrong in ["A", "AB=", "AAAAA", "A!==", "====", "AB\n=", "AR=="] {
            #expect(Base64.decode(Array(wrong.utf8)) == nil, "\(wrong)")
        }
    }

    @Test func `metadata that may not be sent is refused`() {
        func refused(_ name: String, _ text: String) -> Bool {
            (try? GRPCMetadata(dictionaryLiteral: (name, text)).check(limitBytes: 1000)) == nil
        }
        for name in ["grpc-x", ":path", "te", "content-type", "", "a b", "ä", "x-bin"] {
            #expect(refused(name, "v"), "\(name)")
        }
        for text in ["a\nb", "ä", "\u{7F}"] { #expect(refused("x", text)) }
        #expect(!refused("X-Upper", "fine"))
        #expect(refused("x", String(repeating: "v", count: 968)))
        #expect(!refused("x", String(repeating: "v", count: 967)))
        var binary = GRPCMetadata()
        binary.add([1, 2], for: "x")
        #expect(throws: GRPCError.self) { try binary.check(limitBytes: 1000) }
    }

    @Test func `received metadata hides what is reserved, and splits joined bytes`() {
        var metadata = GRPCMetadata()
        let pairs = [("grpc-secret", "x"), ("a", "1"), ("b-bin", "q6ur,AQ=="), ("c-bin", "?")]
        let taken = pairs.map { metadata.receive(name: $0.0, value: $0.1) }
        #expect(taken == [true, true, true, false])
        #expect(metadata["a"] == "1")
        #expect(metadata.count == 3)
        #expect(metadata[binary: "b-bin"] == [0xAB, 0xAB, 0xAB])
    }

    @Test func `a status with details comes back whole`() throws {
        var error = GRPCError(.notFound, "no ☺", metadata: ["k": "v"])
        error.retryPushback = .milliseconds(1500)
        try error.add(detail: Google_Protobuf_Duration(seconds: 3, nanos: 0))
        var fields = HTTP2Headers()
        fields.append(status: error)
        fields.append(error.metadata)
        let read = try #require(fields.status(reach: .answered))
        #expect(read.code == .notFound)
        #expect(read.message == "no ☺")
        #expect(read.metadata == ["k": "v"])
        #expect(read.retryPushback == .milliseconds(1500))
        #expect(try Google_Protobuf_Duration(unpackingAny: read.details[0]).seconds == 3)
    }

    @Test func `codes are read as numbers, and anything else is unknown`() {
        #expect(GRPCCode(header: Array("16".utf8)) == .unauthenticated)
        #expect(GRPCCode(header: Array("99".utf8)).name == "99")
        for text in ["", "x", "-1", "12345678901"] { #expect(GRPCCode(header: Array(text.utf8)) == .unknown) }
        #expect(GRPCCode(httpStatus: 503) == .unavailable)
        #expect(GRPCCode(httpStatus: 418) == .unknown)
    }

    @Test(arguments: [("a:1", "a:1"), ("[::1]:80", "[::1]:80"), ("unix:/x", "unix:/x"), ("unix:///x", "unix:/x")])
    func `endpoints are read`(text: String, description: String) throws {
        #expect(try #require(GRPCEndpoint(text)).description == description)
    }

    @Test(arguments: ["", "a", "a:", ":1", "a:0", "a:65536", "::1:80", "unix:", "a:x"])
    func `what is no endpoint is refused`(text: String) {
        #expect(GRPCEndpoint(text) == nil)
    }
}
