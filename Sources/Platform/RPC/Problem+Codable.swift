extension Problem: Codable {
    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }

        static let type = Key(stringValue: "type")
        static let title = Key(stringValue: "title")
        static let status = Key(stringValue: "status")
        static let detail = Key(stringValue: "detail")
        static let instance = Key(stringValue: "instance")
        static let reserved: Set<String> = ["type", "title", "status", "detail", "instance"]
    }

    /// A member of the wrong type counts as absent (RFC 9457, section 3.1).
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        let status = (try? container.decode(Int.self, forKey: .status)) ?? 500
        var extensions: [String: JSONValue] = [:]
        for key in container.allKeys where !Key.reserved.contains(key.stringValue) {
            extensions[key.stringValue] = try? container.decode(JSONValue.self, forKey: key)
        }
        self.init(
            status: status,
            type: (try? container.decode(String.self, forKey: .type)) ?? "about:blank",
            title: try? container.decode(String.self, forKey: .title),
            detail: try? container.decode(String.self, forKey: .detail),
            instance: try? container.decode(String.self, forKey: .instance),
            extensions: extensions)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(type, forKey: .type)
        try container.encode(title, forKey: .title)
        try container.encode(status, forKey: .status)
        try container.encodeIfPresent(detail, forKey: .detail)
        try container.encodeIfPresent(instance, forKey: .instance)
        for (name, value) in extensions where !Key.reserved.contains(name) {
            try container.encode(value, forKey: Key(stringValue: name))
        }
    }
}
