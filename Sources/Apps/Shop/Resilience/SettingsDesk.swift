import ApusCoordination
import ApusPrimitives
import ApusRPC

/// The settings of every service, for an operator to see and to change.
final class SettingsDesk: Sendable {
    /// Says what is wrong with the text of a setting; nil when nothing is.
    typealias Check = @Sendable (_ key: String, _ text: String) -> String?

    struct Setting: Codable, Sendable, Equatable {
        let namespace: String
        let key: String
        let value: String
        let defaultValue: String

        enum CodingKeys: String, CodingKey {
            case namespace, key, value
            case defaultValue = "default"
        }
    }

    private struct Drawer {
        let center: ConfigCenter
        let check: Check
    }

    private let drawers = Locked<[String: Drawer]>([:])

    /// The instances of a service have the same settings: one of their centers will do.
    func add(_ center: ConfigCenter, check: @escaping Check = { _, _ in nil }) {
        drawers.withLock { $0[center.namespace] = $0[center.namespace] ?? Drawer(center: center, check: check) }
    }

    /// Whether there are settings of this name.
    func knows(_ namespace: String) -> Bool { drawers.withLock { $0[namespace] != nil } }

    var settings: [Setting] {
        drawers.withLock { $0 }.sorted { $0.key < $1.key }.flatMap { namespace, drawer in
            drawer.center.entries.map { Setting($0, in: namespace) }
        }
    }

    /// - Throws: `Problem`: 404 for a setting that is not declared, 422 for a value that cannot be.
    func set(_ key: String, in namespace: String, to value: JSONValue) async throws -> Setting {
        let drawer = try drawer(namespace)
        let text = try Self.text(of: value)
        if let flaw = drawer.check(key, text), drawer.center.value(for: key) != nil {
            throw Problem.unprocessable("\(key) is refused: \(flaw).", field: "value")
        }
        do {
            try await drawer.center.set(key, to: .string(text))
        } catch let error as CoordinationError where error.code == .unknownSetting {
            throw Problem.notFound(error.message)
        } catch let error as CoordinationError where error.code == .wrongType {
            throw Problem.unprocessable(error.message, field: "value")
        }
        return try found(key, in: namespace, drawer)
    }

    /// - Throws: `Problem` 404 for a setting that is not declared.
    func reset(_ key: String, in namespace: String) async throws -> Setting {
        let drawer = try drawer(namespace)
        do {
            try await drawer.center.reset(key)
        } catch let error as CoordinationError where error.code == .unknownSetting {
            throw Problem.notFound(error.message)
        }
        return try found(key, in: namespace, drawer)
    }

    private func drawer(_ namespace: String) throws -> Drawer {
        guard let drawer = drawers.withLock({ $0[namespace] }) else {
            throw Problem.notFound("There are no settings of this name.")
        }
        return drawer
    }

    private func found(_ key: String, in namespace: String, _ drawer: Drawer) throws -> Setting {
        guard let entry = drawer.center.entry(for: key) else { throw Problem.notFound("There is no such setting.") }
        return Setting(entry, in: namespace)
    }

    /// As the config center stores it: what is written as JSON there is JSON here.
    private static func text(of value: JSONValue) throws -> String {
        switch value {
        case .string(let text): text
        case .integer(let number): String(number)
        case .bool(let isOn): String(isOn)
        case .number(let number): String(number)
        case .null, .array, .object: String(decoding: try JSONCoding.encode(value), as: UTF8.self)
        }
    }
}

extension SettingsDesk.Setting {
    fileprivate init(_ entry: ConfigCenter.Entry, in namespace: String) {
        self.init(
            namespace: namespace, key: entry.key, value: entry.value.text, defaultValue: entry.defaultValue.text)
    }
}
