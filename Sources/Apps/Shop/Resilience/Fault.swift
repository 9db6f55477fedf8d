import ApusRPC

/// What is done on purpose to the requests of a service, to see how the others bear it.
struct Fault: Sendable, Equatable {
    /// How long each request waits before it is worked on: up to a minute.
    var delayMilliseconds: Int64 = 0
    /// Which share of the requests is answered with 500 instead: 0 to 1.
    var failShare: Double = 0

    static let off = Fault()

    /// - Throws: `PolicyFlaw` naming what cannot be. An empty text is no fault.
    init(_ json: String) throws(PolicyFlaw) {
        guard !json.isEmpty else { return }
        let members: [String: JSONValue]
        do {
            members = try JSONCoding.decode([String: JSONValue].self, from: Array(json.utf8))
        } catch {
            throw PolicyFlaw(description: "it is no JSON object")
        }
        for (name, value) in members.sorted(by: { $0.key < $1.key }) {
            switch (name, value) {
            case ("delayMilliseconds", .integer(let number)) where (0...60_000).contains(number):
                delayMilliseconds = number
            case ("failShare", .integer(let number)) where (0...1).contains(number): failShare = Double(number)
            case ("failShare", .number(let number)) where (0...1).contains(number): failShare = number
            default: throw PolicyFlaw(description: "\(name) is unknown or out of range")
            }
        }
    }

    private init() {}
}
