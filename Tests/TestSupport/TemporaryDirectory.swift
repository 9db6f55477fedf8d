public import Foundation

/// An empty folder that is removed with its contents when the last reference to it goes.
public final class TemporaryDirectory: Sendable {
    public let url: URL

    public var path: String { url.path(percentEncoded: false) }

    public init() throws {
        url = FileManager.default.temporaryDirectory.appending(
            path: "apus-\(UUID().uuidString)", directoryHint: .isDirectory)
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    /// The path of `name` inside the folder.
    public func file(_ name: String) -> String {
        url.appending(path: name).path(percentEncoded: false)
    }

    deinit {
        try? FileManager.default.removeItem(at: url)
    }
}
