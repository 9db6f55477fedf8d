public import Foundation

/// How JSON bodies are read and written everywhere in Apus: dates as ISO 8601, and nothing decoded that was not scanned.
public enum JSONCoding {
    /// Reads one value from a body that nobody vouches for.
    ///
    /// - Parameters:
    ///   - strictly: refuse members that `type` does not know, instead of ignoring them.
    /// - Throws: `Problem`: 400 with line and column for what is not JSON, 422 with the path of the field for a value of
    ///   the wrong type, a missing or an unknown member, or what `type`'s own decoding refuses.
    public static func decode<Value: Decodable>(
        _ type: Value.Type = Value.self, from bytes: some Collection<UInt8>, strictly: Bool = false
    ) throws -> Value {
        do {
            try JSONScanner.check(bytes)
        } catch {
            throw Problem.malformedJSON(
                "The body is not acceptable JSON: \(error).", line: error.line, column: error.column)
        }
        do {
            let data = Data(bytes)
            if strictly {
                return try decoder().decode(Strict<Value>.self, from: data).value
            }
            return try decoder().decode(type, from: data)
        } catch let error as DecodingError {
            throw Problem(error)
        }
    }

    /// - Throws: `EncodingError`.
    public static func encode(_ value: some Encodable) throws -> [UInt8] {
        Array(try encoder().encode(value))
    }

    /// Dates in ISO 8601.
    public static func decoder() -> JSONDecoder {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        return decoder
    }

    /// Dates in ISO 8601, members sorted by name.
    public static func encoder() -> JSONEncoder {
        let encoder = JSONEncoder()
        encoder.dateEncodingStrategy = .iso8601
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }
}

extension Problem {
    /// Which field the body is wrong in, and how.
    public init(_ error: DecodingError) {
        switch error {
        case .typeMismatch(let type, let context):
            let path = Self.path(context.codingPath)
            self = .unprocessable("\(Self.subject(path)) must be \(Self.name(of: type)).", field: path)
        case .valueNotFound(let type, let context):
            let path = Self.path(context.codingPath)
            self = .unprocessable("\(Self.subject(path)) must be \(Self.name(of: type)), not null.", field: path)
        case .keyNotFound(let key, let context):
            let path = Self.path(context.codingPath + [key])
            self = .unprocessable("\(Self.subject(path)) is missing.", field: path)
        case .dataCorrupted(let context):
            let path = Self.path(context.codingPath)
            self = .unprocessable("\(Self.subject(path)) is not valid: \(context.debugDescription)", field: path)
        @unknown default:
            self = .unprocessable("The body cannot be read.")
        }
    }

    /// `lines[2].quantity`; nil for the body itself.
    static func path(_ keys: [any CodingKey]) -> String? {
        var path = ""
        for key in keys {
            if let index = key.intValue {
                path += "[\(index)]"
            } else {
                path += path.isEmpty ? key.stringValue : ".\(key.stringValue)"
            }
        }
        return path.isEmpty ? nil : path
    }

    private static func subject(_ path: String?) -> String {
        path.map { "\"\($0)\"" } ?? "The body"
    }

    private static func name(of type: any Any.Type) -> String {
        switch type {
        case is String.Type, is Date.Type, is Data.Type: "a string"
        case is Bool.Type: "true or false"
        case is any BinaryInteger.Type: "a whole number"
        case is any BinaryFloatingPoint.Type: "a number"
        case is any ArrayLike.Type: "an array"
        default: "an object"
        }
    }
}

private protocol ArrayLike {}
extension Array: ArrayLike {}
extension Set: ArrayLike {}
