import ApusResilience
import Foundation
import Testing

/// What an operator writes: read strictly, and written so that it is read again.
@Suite struct SheddingConfigurationTests {
    private func decode<Value: Decodable>(_ json: String, as type: Value.Type) throws -> Value {
        try JSONDecoder().decode(type, from: Data(json.utf8))
    }

    private func message<Value: Decodable>(_ json: String, as type: Value.Type) -> String {
        do {
            return "\(try decode(json, as: type))"
        } catch DecodingError.dataCorrupted(let context) {
            return context.debugDescription
        } catch {
            return "\(error)"
        }
    }

    @Test func whatIsAbsentHasItsDefault() throws {
        #expect(try decode("{}", as: ConcurrencyLimit.Configuration.self) == .init())
        #expect(try decode("{}", as: Hedge.Configuration.self) == .init())
        let high = try decode(#"{"minimumLimit": 2000}"#, as: ConcurrencyLimit.Configuration.self)
        #expect(high == .init(initialLimit: 2_000, minimumLimit: 2_000, maximumLimit: 2_000))
    }

    @Test func whatIsWrittenIsReadAgain() throws {
        let limit = ConcurrencyLimit.Configuration(
            initialLimit: 30, minimumLimit: 3, maximumLimit: 300, tolerance: 2, smoothing: 0.25,
            sampleWindow: .milliseconds(7), minimumSamples: 9, probeInterval: .seconds(3),
            shares: .init(normal: 0.8, background: 0.6, sheddable: 0.1))
        let written = try JSONEncoder().encode(limit)
        #expect(try JSONDecoder().decode(ConcurrencyLimit.Configuration.self, from: written) == limit)
        for delay in [Hedge.Configuration.Delay.fixed(.milliseconds(30)), .quantile(0.99)] {
            let hedge = Hedge.Configuration(
                delay: delay, maxExtraCalls: 3, budget: 0.1, burst: 7, minimumSamples: 50, minimumDelay: .seconds(1))
            let written = try JSONEncoder().encode(hedge)
            #expect(try JSONDecoder().decode(Hedge.Configuration.self, from: written) == hedge)
        }
    }

    @Test(arguments: [
        (#"{"tolerance": 0.5}"#, "tolerance: 0.5 is not a number from 1.1 to 10.0"),
        (#"{"maximumLimit": 3}"#, "maximumLimit: 3 is not a whole number from 5 to 100000"),
        (#"{"limit": 3}"#, "limit: not a setting"),
        (#"{"shares": {"normal": 0.5, "background": 0.6}}"#, "shares.background: 0.6 is not a number from 0.01 to 0.5"),
        (#"{"sampleWindowMilliseconds": "1s"}"#, "sampleWindowMilliseconds: “1s” is not whole milliseconds"),
    ]) func aLimitsSettingThatIsWrongIsNamed(json: String, expected: String) {
        let found = message(json, as: ConcurrencyLimit.Configuration.self)
        #expect(found.hasPrefix(expected), "\(found)")
    }

    @Test(arguments: [
        (#"{"budget": 1.5}"#, "budget: 1.5 is not a number from 0.001 to 1.0"),
        (#"{"delayQuantile": 1}"#, "delayQuantile: 1 is not a number from 0.5 to 0.9999"),
        (
            #"{"delayQuantile": 0.9, "delayMilliseconds": 5}"#,
            "delayQuantile: 0.9 is not possible together with delayMilliseconds"
        ),
        (#"{"delay": 5}"#, "delay: not a setting"),
    ]) func aHedgesSettingThatIsWrongIsNamed(json: String, expected: String) {
        let found = message(json, as: Hedge.Configuration.self)
        #expect(found.hasPrefix(expected), "\(found)")
    }
}
