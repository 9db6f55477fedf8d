/// What travels beside the messages of a call: pairs of a name and a value, in order, names possibly several times.
///
/// A name is lower-case letters, digits and `_-.`; one that ends in `-bin` has any bytes as its value, every other printable
/// ASCII. Names that begin with `grpc-` or `:`, and those of the transport itself, are reserved: they are refused when sent,
/// and not shown when received.
public struct GRPCMetadata: Sendable, Hashable {
    public enum Content: Sendable, Hashable {
        case text(String)
        case binary([UInt8])
    }

    public struct Entry: Sendable, Hashable {
        public let name: String
        public let value: Content
    }

    /// In the order of sending.
    public internal(set) var entries: [Entry] = []

    public init() {}

    /// Adds a text; another one of the same name stays. The name is made lower case.
    public mutating func add(_ text: String, for name: String) {
        entries.append(Entry(name: name.lowercased(), value: .text(text)))
    }

    /// Adds bytes, for a name that ends in `-bin`.
    public mutating func add(_ bytes: some Sequence<UInt8>, for name: String) {
        entries.append(Entry(name: name.lowercased(), value: .binary(Array(bytes))))
    }

    public mutating func removeAll(named name: String) {
        entries.removeAll { $0.name == name }
    }

    public mutating func append(contentsOf other: GRPCMetadata) {
        entries += other.entries
    }

    /// The first text of that name; nil for none.
    public subscript(name: String) -> String? {
        for entry in entries where entry.name == name {
            if case .text(let text) = entry.value { return text }
        }
        return nil
    }

    /// The first bytes of that name, which ends in `-bin`; nil for none.
    public subscript(binary name: String) -> [UInt8]? {
        for entry in entries where entry.name == name {
            if case .binary(let bytes) = entry.value { return bytes }
        }
        return nil
    }

    /// All texts of that name, in order.
    public func texts(named name: String) -> [String] {
        entries.compactMap { entry in
            guard entry.name == name, case .text(let text) = entry.value else { return nil }
            return text
        }
    }

    public var isEmpty: Bool { entries.isEmpty }
    public var count: Int { entries.count }
}

extension GRPCMetadata: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, String)...) {
        for (name, text) in elements { add(text, for: name) }
    }
}

extension GRPCMetadata: CustomStringConvertible {
    public var description: String {
        let pairs = entries.map { entry in
            switch entry.value {
            case .text(let text): "\(entry.name): \(text)"
            case .binary(let bytes): "\(entry.name): \(bytes.count) bytes"
            }
        }
        return "[" + pairs.joined(separator: ", ") + "]"
    }
}
