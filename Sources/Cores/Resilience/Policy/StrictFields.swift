import ApusPrimitives

/// Reads a configuration member by member and forgives nothing: what an operator wrote wrong is refused with its name,
/// its value and what would be right, where code that passes the same value is moved to the nearest in range.
///
/// A member that is absent has its default. Every error is a `DecodingError.dataCorrupted`.
struct StrictFields<Key: CodingKey & CaseIterable> {
    /// A year: no setting means a longer wait than that.
    static var longest: Duration { .seconds(31_536_000) }

    private let container: KeyedDecodingContainer<Key>

    /// - Throws: when the value is not an object, or has a member that is not a `Key`.
    init(_ decoder: any Decoder, keyedBy type: Key.Type = Key.self) throws {
        do {
            container = try decoder.container(keyedBy: type)
        } catch DecodingError.typeMismatch {
            throw Self.error("expected an object", at: decoder.codingPath)
        }
        let known = Key.allCases.map(\.stringValue)
        let names = try decoder.container(keyedBy: AnyName.self).allKeys.map(\.stringValue)
        // The first by name: the order in which a decoder lists members is not the text's.
        guard let unknown = names.filter({ !known.contains($0) }).min() else { return }
        throw Self.error(
            "not a setting; the settings here are \(known.joined(separator: ", "))",
            at: decoder.codingPath + [AnyName(stringValue: unknown)])
    }

    func has(_ key: Key) -> Bool { container.contains(key) }

    func integer(_ key: Key, in range: ClosedRange<Int>, default standard: @autoclosure () -> Int) throws -> Int {
        guard has(key) else { return standard() }
        let expected = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        return try value(key, expected) { range.contains($0) }
    }

    func number(_ key: Key, in range: ClosedRange<Double>, default standard: @autoclosure () -> Double) throws -> Double
    {
        guard has(key) else { return standard() }
        let expected = "a number from \(range.lowerBound) to \(range.upperBound)"
        return try value(key, expected) { range.contains($0) }
    }

    /// A whole number of milliseconds; the key should end in `Milliseconds`.
    func milliseconds(
        _ key: Key, in range: ClosedRange<Duration> = .zero...Self.longest,
        default standard: @autoclosure () -> Duration
    ) throws -> Duration {
        guard has(key) else { return standard() }
        let bounds = range.lowerBound.wholeMilliseconds...range.upperBound.wholeMilliseconds
        let expected = "whole milliseconds from \(bounds.lowerBound) to \(bounds.upperBound)"
        return .milliseconds(try value(key, expected) { (found: Int64) in bounds.contains(found) })
    }

    /// The same, and `false` for nil.
    func optionalMilliseconds(
        _ key: Key, in range: ClosedRange<Duration> = .zero...Self.longest,
        absent standard: @autoclosure () -> Duration?
    ) throws -> Duration? {
        guard has(key) else { return standard() }
        if (try? container.decode(Bool.self, forKey: key)) == false { return nil }
        return try milliseconds(key, in: range, default: .zero)
    }

    func flag(_ key: Key, default standard: @autoclosure () -> Bool) throws -> Bool {
        guard has(key) else { return standard() }
        return try value(key, "true or false") { _ in true }
    }

    /// One of the names of an enumeration.
    func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ key: Key, default standard: @autoclosure () -> Choice
    ) throws -> Choice {
        guard has(key) else { return standard() }
        let names = Choice.allCases.map(\.rawValue)
        let expected = "one of \(names.joined(separator: ", "))"
        let name: String = try value(key, expected) { names.contains($0) }
        guard let choice = Choice(rawValue: name) else { throw error(key, expected) }
        return choice
    }

    func text(_ key: Key, default standard: @autoclosure () -> String) throws -> String {
        guard has(key) else { return standard() }
        return try value(key, "a text") { _ in true }
    }

    /// Something with settings of its own.
    func nested<Value: Decodable>(_ key: Key, default standard: @autoclosure () -> Value) throws -> Value {
        guard has(key) else { return standard() }
        if try container.decodeNil(forKey: key) { throw error(key, "an object") }
        return try container.decode(Value.self, forKey: key)
    }

    /// Something that can be switched off: `false` is nil, `true` its standard, an object its settings.
    func part<Value: Decodable>(_ key: Key, standard: Value, absent: Value?) throws -> Value? {
        guard has(key) else { return absent }
        if let isOn = try? container.decode(Bool.self, forKey: key) { return isOn ? standard : nil }
        if try container.decodeNil(forKey: key) { throw error(key, "an object, true or false") }
        return try container.decode(Value.self, forKey: key)
    }

    /// The same for a part that has no settings of its own accord: off unless they are given.
    func part<Value: Decodable>(_ key: Key) throws -> Value? {
        guard has(key) else { return nil }
        if let isOn = try? container.decode(Bool.self, forKey: key) {
            if isOn { throw error(key, "an object or false") }
            return nil
        }
        if try container.decodeNil(forKey: key) { throw error(key, "an object or false") }
        return try container.decode(Value.self, forKey: key)
    }

    /// For a rule that concerns more than one member: the error that says what `key` should have been.
    func error(_ key: Key, _ expected: String) -> DecodingError {
        Self.error("\(found(key)) is not \(expected)", at: container.codingPath + [key])
    }

    private func value<Value: Decodable>(
        _ key: Key, _ expected: String, where isValid: (Value) -> Bool
    ) throws -> Value {
        guard let value = try? container.decode(Value.self, forKey: key), isValid(value) else {
            throw error(key, expected)
        }
        return value
    }

    /// The value as the operator wrote it, as far as it is short.
    private func found(_ key: Key) -> String {
        if let value = try? container.decode(Bool.self, forKey: key) { return "\(value)" }
        if let value = try? container.decode(Int64.self, forKey: key) { return "\(value)" }
        if let value = try? container.decode(Double.self, forKey: key) { return "\(value)" }
        if let value = try? container.decode(String.self, forKey: key) { return "“\(value.prefix(64))”" }
        if (try? container.decodeNil(forKey: key)) == true { return "null" }
        return "what is there"
    }

    private static func error(_ text: String, at path: [any CodingKey]) -> DecodingError {
        let name = path.map(\.stringValue).joined(separator: ".")
        return .dataCorrupted(
            DecodingError.Context(
                codingPath: path, debugDescription: name.isEmpty ? text : "\(name): \(text)"))
    }
}

/// Any member at all, to see those that nobody knows.
private struct AnyName: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}

extension KeyedEncodingContainer {
    /// Writes what `StrictFields.milliseconds` reads.
    mutating func encode(milliseconds duration: Duration, forKey key: Key) throws {
        try encode(duration.wholeMilliseconds, forKey: key)
    }

    /// Writes what `StrictFields.optionalMilliseconds` reads.
    mutating func encode(optionalMilliseconds duration: Duration?, forKey key: Key) throws {
        if let duration { try encode(milliseconds: duration, forKey: key) } else { try encode(false, forKey: key) }
    }

    /// Writes what `StrictFields.part` reads.
    mutating func encode(part: (some Encodable)?, forKey key: Key) throws {
        if let part { try encode(part, forKey: key) } else { try encode(false, forKey: key) }
    }
}

extension Duration {
    /// Rounded up, so that no wait is written down as none.
    var wholeMilliseconds: Int64 {
        let (whole, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000)
        return rest > 0 ? whole + 1 : whole
    }
}
