/// The answer of `/livez` or `/readyz`.
public struct HealthReport: Sendable {
    public struct Entry: Sendable {
        public let name: String
        public let status: HealthStatus
        public let took: Duration
    }

    public let kind: HealthRegistry.Kind
    /// Sorted by name.
    public let entries: [Entry]

    public var isUp: Bool { entries.allSatisfy { $0.status.isUp } }

    /// 200 or 503.
    public var httpStatus: Int { isUp ? 200 : 503 }

    /// `{"status":"up","checks":[{"name":"store","status":"down","detail":"…"}]}`
    public var json: String {
        var text = JSONText()
        text.object { text in
            text.member("status", isUp ? "up" : "down")
            text.key("checks")
            text.array(entries) { text, entry in
                text.object { text in
                    text.member("name", entry.name)
                    switch entry.status {
                    case .up: text.member("status", "up")
                    case .down(let reason):
                        text.member("status", "down")
                        text.member("detail", reason)
                    }
                }
            }
        }
        return String(decoding: text.bytes, as: UTF8.self)
    }
}
