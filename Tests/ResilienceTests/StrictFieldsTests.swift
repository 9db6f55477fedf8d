import Foundation
import Testing

@testable import ApusResilience

@Suite struct StrictFieldsTests {
    private enum Flavour: String, CaseIterable { case sweet, sour }

    private struct Inner: Codable, Equatable {
        var size = 7

        enum CodingKeys: String, CodingKey, CaseIterable { case size }

        init(size: Int = 7) { self.size = size }

        init(from decoder: any Decoder) throws {
            size = try StrictFields<CodingKeys>(decoder).integer(.size, in: 1...10, default: 7)
        }
    }

    private struct Sample: Codable, Equatable {
        var count = 3
        var share = 0.5
        var wait = Duration.seconds(2)
        var isOn = true
        var flavour = "sweet"
        var name = "none"
        var inner = Inner()
        var part: Inner? = Inner(size: 9)

        enum CodingKeys: String, CodingKey, CaseIterable {
            case count, share, isOn, flavour, name, inner, part
            case wait = "waitMilliseconds"
        }

        init() {}

        init(from decoder: any Decoder) throws {
            let fields = try StrictFields<CodingKeys>(decoder)
            count = try fields.integer(.count, in: 1...10, default: 3)
            share = try fields.number(.share, in: 0...1, default: 0.5)
            wait = try fields.milliseconds(.wait, in: .zero ... .seconds(10), default: .seconds(2))
            isOn = try fields.flag(.isOn, default: true)
            flavour = try fields.choice(.flavour, default: Flavour.sweet).rawValue
            name = try fields.text(.name, default: "none")
            inner = try fields.nested(.inner, default: Inner())
            part = try fields.part(.part, standard: Inner(), absent: Inner(size: 9))
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(count, forKey: .count)
            try container.encode(milliseconds: wait, forKey: .wait)
            try container.encode(part: part, forKey: .part)
        }
    }

    private func read(_ text: String) throws -> Sample {
        try JSONDecoder().decode(Sample.self, from: Data(text.utf8))
    }

    @Test func whatIsAbsentHasItsDefault() throws {
        #expect(try read("{}") == Sample())
    }

    @Test func whatIsThereIsRead() throws {
        let sample = try read(
            """
            {"count": 10, "share": 1, "waitMilliseconds": 10000, "isOn": false, "flavour": "sour", "name": "x",
             "inner": {"size": 1}, "part": {}}
            """)
        #expect(sample.count == 10 && sample.share == 1 && sample.wait == .seconds(10) && !sample.isOn)
        #expect(sample.flavour == "sour" && sample.name == "x" && sample.inner.size == 1 && sample.part?.size == 7)
    }

    @Test func aPartIsSwitchedOffAndOn() throws {
        #expect(try read(#"{"part": false}"#).part == nil)
        #expect(try read(#"{"part": true}"#).part == Inner())
    }

    @Test(arguments: [
        (#"{"cuont": 1, "zebra": 2}"#, "cuont: not a setting; the settings here are count, share, isOn"),
        (#"{"inner": {"sise": 1}}"#, "inner.sise: not a setting; the settings here are size"),
        (#"{"count": 11}"#, "count: 11 is not a whole number from 1 to 10"),
        (#"{"count": 1.5}"#, "count: 1.5 is not a whole number from 1 to 10"),
        (#"{"count": "2"}"#, "count: “2” is not a whole number from 1 to 10"),
        (#"{"count": null}"#, "count: null is not a whole number from 1 to 10"),
        (#"{"count": true}"#, "count: true is not a whole number from 1 to 10"),
        (#"{"count": []}"#, "count: what is there is not a whole number from 1 to 10"),
        (#"{"count": 99999999999999999999}"#, "is not a whole number from 1 to 10"),
        (#"{"share": -0.1}"#, "share: -0.1 is not a number from 0.0 to 1.0"),
        (#"{"waitMilliseconds": 10001}"#, "waitMilliseconds: 10001 is not whole milliseconds from 0 to 10000"),
        (#"{"waitMilliseconds": 0.5}"#, "waitMilliseconds: 0.5 is not whole milliseconds from 0 to 10000"),
        (#"{"isOn": 1}"#, "isOn: 1 is not true or false"),
        (#"{"flavour": "salt"}"#, "flavour: “salt” is not one of sweet, sour"),
        (#"{"name": 5}"#, "name: 5 is not a text"),
        (#"{"inner": null}"#, "inner: null is not an object"),
        (#"{"inner": {"size": 0}}"#, "inner.size: 0 is not a whole number from 1 to 10"),
        (#"{"inner": 4}"#, "inner: expected an object"),
        (#"{"part": null}"#, "part: null is not an object, true or false"),
        ("[]", "expected an object"),
    ]) func whatIsWrongIsNamed(text: String, expected: String) throws {
        let error = try #require(throws: DecodingError.self) { try read(text) }
        guard case .dataCorrupted(let context) = error else {
            Issue.record("\(error)")
            return
        }
        #expect(context.debugDescription.contains(expected))
    }

    @Test func whatIsWrittenIsReadAgain() throws {
        var sample = Sample()
        sample.count = 4
        sample.wait = .microseconds(1_001)
        sample.part = nil
        let copy = try JSONDecoder().decode(Sample.self, from: JSONEncoder().encode(sample))
        #expect(copy.count == 4 && copy.part == nil)
        #expect(copy.wait == .milliseconds(2), "rounded up, so that no wait becomes none")
    }
}
