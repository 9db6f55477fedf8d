import Foundation

/// Decodes `Value` and then refuses members that it did not ask for.
struct Strict<Value: Decodable>: Decodable {
    let value: Value

    init(from decoder: any Decoder) throws {
        value = try StrictDecoder.decode(Value.self, from: decoder)
    }
}

/// Stands before another decoder and notes which members are asked for.
private struct StrictDecoder: Decoder {
    let base: any Decoder
    let asked: AskedKeys

    var codingPath: [any CodingKey] { base.codingPath }
    var userInfo: [CodingUserInfoKey: Any] { base.userInfo }

    static func decode<Value: Decodable>(_ type: Value.Type, from base: any Decoder) throws -> Value {
        // Types that the JSON decoder treats in its own way would read themselves differently.
        if type is any LeafType.Type { return try base.singleValueContainer().decode(type) }
        let asked = AskedKeys()
        let value = try Value(from: StrictDecoder(base: base, asked: asked))
        try asked.refuseOthers(in: base)
        return value
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        let container = try base.container(keyedBy: type)
        asked.isObject = true
        return KeyedDecodingContainer(StrictKeyedContainer(base: container, asked: asked))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        StrictUnkeyedContainer(base: try base.unkeyedContainer())
    }

    func singleValueContainer() throws -> any SingleValueDecodingContainer {
        StrictValueContainer(base: try base.singleValueContainer(), decoder: base)
    }
}

private final class AskedKeys {
    var isObject = false
    var names: Set<String> = []

    func refuseOthers(in decoder: any Decoder) throws {
        guard isObject else { return }
        let present = try decoder.container(keyedBy: AnyKey.self).allKeys
        let unknown = present.filter { !names.contains($0.stringValue) }.sorted { $0.stringValue < $1.stringValue }
        guard let first = unknown.first else { return }
        let path = Problem.path(decoder.codingPath + [first])
        throw Problem(
            "unknown-field", status: 422, title: "Unknown Field", detail: "\"\(path ?? "")\" is not known here.",
            extensions: [
                "field": .string(path ?? ""),
                "known": .array(names.sorted().prefix(32).map { .string($0) }),
            ])
    }
}

private struct AnyKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}

private protocol LeafType {}
extension Date: LeafType {}
extension Data: LeafType {}
extension URL: LeafType {}
extension Decimal: LeafType {}

private struct StrictKeyedContainer<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let base: KeyedDecodingContainer<Key>
    let asked: AskedKeys

    var codingPath: [any CodingKey] { base.codingPath }

    /// Who looks at all names knows them all: a dictionary.
    var allKeys: [Key] {
        let keys = base.allKeys
        asked.names.formUnion(keys.map(\.stringValue))
        return keys
    }

    func contains(_ key: Key) -> Bool {
        asked.names.insert(key.stringValue)
        return base.contains(key)
    }

    func decodeNil(forKey key: Key) throws -> Bool {
        asked.names.insert(key.stringValue)
        return try base.decodeNil(forKey: key)
    }

    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
        asked.names.insert(key.stringValue)
        return try base.decode(Strict<Value>.self, forKey: key).value
    }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> {
        asked.names.insert(key.stringValue)
        return try base.nestedContainer(keyedBy: type, forKey: key)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        asked.names.insert(key.stringValue)
        return StrictUnkeyedContainer(base: try base.nestedUnkeyedContainer(forKey: key))
    }

    func superDecoder() throws -> any Decoder {
        asked.names.insert("super")
        return try base.superDecoder()
    }

    func superDecoder(forKey key: Key) throws -> any Decoder {
        asked.names.insert(key.stringValue)
        return try base.superDecoder(forKey: key)
    }
}

private struct StrictUnkeyedContainer: UnkeyedDecodingContainer {
    var base: any UnkeyedDecodingContainer

    var codingPath: [any CodingKey] { base.codingPath }
    var count: Int? { base.count }
    var isAtEnd: Bool { base.isAtEnd }
    var currentIndex: Int { base.currentIndex }

    mutating func decodeNil() throws -> Bool { try base.decodeNil() }

    mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        try base.decode(Strict<Value>.self).value
    }

    mutating func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type
    ) throws -> KeyedDecodingContainer<Nested> {
        try base.nestedContainer(keyedBy: type)
    }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        StrictUnkeyedContainer(base: try base.nestedUnkeyedContainer())
    }

    mutating func superDecoder() throws -> any Decoder { try base.superDecoder() }
}

private struct StrictValueContainer: SingleValueDecodingContainer {
    let base: any SingleValueDecodingContainer
    let decoder: any Decoder

    var codingPath: [any CodingKey] { base.codingPath }

    func decodeNil() -> Bool { base.decodeNil() }

    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        if type is any Scalar.Type { return try base.decode(type) }
        return try StrictDecoder.decode(type, from: decoder)
    }
}

/// What a JSON decoder reads by itself. Asking them to decode themselves would come back here for ever.
private protocol Scalar {}
extension Bool: Scalar {}
extension String: Scalar {}
extension Double: Scalar {}
extension Float: Scalar {}
extension Int: Scalar {}
extension Int8: Scalar {}
extension Int16: Scalar {}
extension Int32: Scalar {}
extension Int64: Scalar {}
extension Int128: Scalar {}
extension UInt: Scalar {}
extension UInt8: Scalar {}
extension UInt16: Scalar {}
extension UInt32: Scalar {}
extension UInt64: Scalar {}
extension UInt128: Scalar {}
