/// The value of a setting, with its type.
public enum SettingValue: Hashable, Sendable {
    case string(String)
    case int(Int)
    case double(Double)
    case bool(Bool)
    case duration(Duration)
    /// Its elements have no commas, and no blanks at their ends.
    case list([String])
}

extension SettingValue {
    /// The name of the type, for messages.
    public var typeName: String {
        switch self {
        case .string: "string"
        case .int: "int"
        case .double: "double"
        case .bool: "bool"
        case .duration: "duration"
        case .list: "list"
        }
    }

    /// How the value is stored and written by hand.
    public var text: String {
        switch self {
        case .string(let value): value
        case .int(let value): String(value)
        case .double(let value): String(value)
        case .bool(let value): String(value)
        case .duration(let value): value.settingText
        case .list(let values): values.joined(separator: ",")
        }
    }

    /// Reads `text` as a value of the same type as `example`; nil when it is not one.
    public init?(_ text: String, like example: SettingValue) {
        let word = text.trimmed
        switch example {
        case .string: self = .string(text)
        case .int:
            guard let value = Int(word) else { return nil }
            self = .int(value)
        case .double:
            guard let value = Double(word), value.isFinite else { return nil }
            self = .double(value)
        case .bool:
            switch word.lowercased() {
            case "true", "yes", "on", "1": self = .bool(true)
            case "false", "no", "off", "0": self = .bool(false)
            default: return nil
            }
        case .duration:
            guard let value = Duration(settingText: word) else { return nil }
            self = .duration(value)
        case .list:
            let elements = text.split(separator: ",", omittingEmptySubsequences: false).map(\.trimmed)
            self = .list(elements == [""] ? [] : elements)
        }
    }

    /// This value as one of the type of `example`: itself, text that reads as one, a whole number where fractions are
    /// allowed; else nil. What is not nil is the same after it was stored and read.
    func converted(like example: SettingValue) -> SettingValue? {
        let value: SettingValue? =
            switch (self, example) {
            case (.string, .string), (.int, .int), (.double, .double), (.bool, .bool), (.duration, .duration),
                (.list, .list):
                self
            case (.int(let value), .double): .double(Double(value))
            case (.string(let text), _): SettingValue(text, like: example)
            default: nil
            }
        guard let value, SettingValue(value.text, like: example) == value else { return nil }
        return value
    }
}

extension SettingValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int) { self = .int(value) }
    public init(floatLiteral value: Double) { self = .double(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(arrayLiteral elements: String...) { self = .list(elements) }
}

extension SettingValue: CustomStringConvertible {
    public var description: String { "\(typeName) \"\(text)\"" }
}

extension StringProtocol {
    fileprivate var trimmed: String {
        let start = self.drop { $0.isWhitespace }
        guard let end = start.lastIndex(where: { !$0.isWhitespace }) else { return "" }
        return String(start[...end])
    }
}
