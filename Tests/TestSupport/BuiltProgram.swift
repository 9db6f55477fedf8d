public import Foundation

/// Finds the executables of this package that were built with the tests.
public enum BuiltProgram {
    public struct Missing: Error, CustomStringConvertible {
        public let description: String
    }

    /// The executable `name`: it lies beside the bundle of the tests, or a few folders above.
    ///
    /// - Throws: `Missing`.
    public static func url(_ name: String) throws -> URL {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let places = [own, CommandLine.arguments[0]] + Bundle.allBundles.map { $0.bundlePath }
        for place in places {
            var folder = URL(filePath: place)
            for _ in 0..<4 {
                folder = folder.deletingLastPathComponent()
                let candidate = folder.appending(path: name)
                if FileManager.default.isExecutableFile(atPath: candidate.path(percentEncoded: false)) {
                    return candidate
                }
            }
        }
        throw Missing(description: "there is no \(name) beside \(places.joined(separator: ", "))")
    }
}
