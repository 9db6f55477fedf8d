/// One request of a client, from when it was made to when it was answered.
public struct Operation: Hashable, Sendable {
    public let client: Int
    public let key: Int
    public let input: Register.Input
    /// Nil while there is no answer: it may have happened, may still happen, or never.
    public var output: UInt64?
    /// In microseconds of virtual time.
    public let invoked: UInt64
    /// Not less than `invoked`; of no meaning without an output.
    public var returned: UInt64

    public init(
        client: Int, key: Int = 0, input: Register.Input, output: UInt64? = nil, invoked: UInt64,
        returned: UInt64 = .max
    ) {
        self.client = client
        self.key = key
        self.input = input
        self.output = output
        self.invoked = invoked
        self.returned = returned
    }
}

extension Operation: CustomStringConvertible {
    public var description: String {
        let answer = output.map { "= \(String($0, radix: 16)) at \(Virtual.text(returned))" } ?? "unanswered"
        let asked =
            switch input {
            case .read: "read"
            case .write(let value): "write \(String(value, radix: 16))"
            case .mix(let value): "mix \(String(value, radix: 16))"
            }
        return "client \(client) key \(key): \(asked) at \(Virtual.text(invoked)), \(answer)"
    }
}
