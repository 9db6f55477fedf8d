import ApusRPC
import ApusResilience
import Foundation

/// Why a policy's setting is not used.
struct PolicyFlaw: Error, CustomStringConvertible {
    let description: String
}

extension ResiliencePolicy.Configuration {
    /// This configuration with those parts replaced that `json` has: `{"breaker": {"openMilliseconds": 500}}` leaves all
    /// but the breaker as it is. Empty: nothing is replaced.
    func changed(by json: String) throws(PolicyFlaw) -> Self {
        guard json.contains(where: { !$0.isWhitespace }) else { return self }
        do {
            var parts = try JSONCoding.decode([String: JSONValue].self, from: JSONCoding.encode(self))
            parts.merge(try JSONCoding.decode([String: JSONValue].self, from: Array(json.utf8))) { $1 }
            return try JSONDecoder().decode(Self.self, from: Data(JSONCoding.encode(parts)))
        } catch DecodingError.dataCorrupted(let context) {
            throw PolicyFlaw(description: context.debugDescription)
        } catch let problem as Problem {
            throw PolicyFlaw(description: problem.detail ?? problem.title)
        } catch {
            throw PolicyFlaw(description: "\(error)")
        }
    }
}
