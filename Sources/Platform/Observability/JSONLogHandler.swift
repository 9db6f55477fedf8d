import Foundation
public import Logging

/// Writes each log event as one JSON object on one line.
///
/// Members: `timestamp` (RFC 3339, UTC, milliseconds), `level`, `logger`, `message`, `service`, `instance`, `trace_id` and
/// `span_id` (when the task works for a traced request), `error`, and `metadata`. A logger whose own metadata has
/// `service` or `instance` says so on the outer level, for processes that hold several services.
public struct JSONLogHandler: LogHandler {
    public var logLevel: Logger.Level
    public var metadata: Logger.Metadata = [:]
    public var metadataProvider: Logger.MetadataProvider?

    private let label: String
    private let service: String
    private let instance: String?
    private let output: @Sendable ([UInt8]) -> Void

    /// - Parameter output: takes one line with its line feed; several threads may call it at once.
    public init(
        label: String, service: String, instance: String? = nil, level: Logger.Level = .info,
        metadataProvider: Logger.MetadataProvider? = nil,
        output: @escaping @Sendable ([UInt8]) -> Void = JSONLogHandler.standardError
    ) {
        self.label = label
        self.service = service
        self.instance = instance
        self.output = output
        self.metadataProvider = metadataProvider
        logLevel = level
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { _, new in new } }
        if let own = event.metadata { all.merge(own) { _, new in new } }
        let service = all.removeValue(forKey: "service").map(\.description) ?? self.service
        let instance = all.removeValue(forKey: "instance").map(\.description) ?? self.instance

        var line = JSONText()
        line.object { line in
            line.member("timestamp", Timestamp.now())
            line.member("level", event.level.rawValue)
            line.member("logger", label)
            line.member("message", event.message.description)
            line.member("service", service)
            if let instance { line.member("instance", instance) }
            if let trace = TraceContext.current {
                line.member("trace_id", trace.traceID.description)
                line.member("span_id", trace.spanID.description)
            }
            if let error = event.error { line.member("error", String(describing: error)) }
            if !all.isEmpty {
                line.key("metadata")
                line.value(.dictionary(all))
            }
        }
        line.newline()
        output(line.bytes)
    }

    public static let standardError: @Sendable ([UInt8]) -> Void = { write($0, to: STDERR_FILENO) }

    /// One write a line, so that lines of several threads do not mix. What cannot be written is lost.
    public static func write(_ line: [UInt8], to descriptor: Int32) {
        line.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let written = Foundation.write(
                    descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if written < 0 {
                    if errno == EINTR { continue }
                    return
                }
                rest = rest.dropFirst(written)
            }
        }
    }
}

extension JSONText {
    /// Numbers and truth values stay what they are; members are sorted by name.
    mutating func value(_ value: Logger.Metadata.Value) {
        switch value {
        case .string(let text): string(text)
        case .stringConvertible(let content):
            switch content {
            case let number as any BinaryInteger & Sendable: literal(number.description)
            case let truth as Bool: literal(truth ? "true" : "false")
            case let number as Double where number.isFinite: literal(number.description)
            default: string(content.description)
            }
        case .array(let elements): array(elements) { text, element in text.value(element) }
        case .dictionary(let members):
            object { text in
                for name in members.keys.sorted() {
                    text.key(name)
                    text.value(members[name]!)
                }
            }
        }
    }
}
