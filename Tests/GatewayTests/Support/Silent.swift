import Logging

extension Logger {
    static let silent = Logger(label: "gateway.test") { _ in SwiftLogNoOpLogHandler() }
}
