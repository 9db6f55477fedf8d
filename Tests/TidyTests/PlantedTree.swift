import Foundation
import TestSupport

/// A small repository in which everything is as it should be, until a test plants something in it.
struct PlantedTree {
    struct Report {
        let status: Int32
        /// `file:line: rule` of each breach.
        let breaches: [String]
        let output: String
    }

    private let folder: TemporaryDirectory

    init() throws {
        folder = try TemporaryDirectory()
        for (path, content) in Self.clean { try write(content, to: path) }
    }

    func write(_ content: String, to path: String) throws {
        let url = folder.url.appending(path: path)
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(content.utf8).write(to: url)
    }

    func tidy() throws -> Report {
        try Self.tidy(folder.path)
    }

    /// Runs the repository's own `scripts/tidy`.
    static func tidy(_ arguments: String...) throws -> Report {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["python3", repository.appending(path: "scripts/tidy").path()] + arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        try process.run()
        let output = String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        let breaches = output.split(separator: "\n").map { line in
            line.split(separator: ":", maxSplits: 3).prefix(3).joined(separator: ":")
        }
        return Report(status: process.terminationStatus, breaches: breaches, output: output)
    }

    private static let repository = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private static let clean: [(String, String)] = [
        (
            "Package.swift",
            """
            // house.core("Comment") is no module.
            static let logging = Library("Logging", "swift-log")
            static let nioCore = Library("NIOCore", "swift-nio")
            mutating func core(_ name: String) { fatalError() }

            house.core("Primitives")
            house.core("Channels", on: ["Primitives"])
            house.core("Resilience", on: ["Primitives"])
            house.core("KV", on: ["Primitives"])
            house.core("Late", on: ["Primitives"])
            house.platform("RPC", on: ["Primitives", "Resilience"], using: [.logging])
            house.platform(
                "Gateway", on: ["Primitives", "RPC"],
                using: [.logging, .nioCore])
            house.adapter("Etcd", on: ["RPC"])
            house.app("Shop", product: "shop", on: ["RPC"])
            house.support("TestSupport", on: ["Primitives"])
            house.tests("KV", on: ["KV"], support: ["TestSupport"])
            house.program("Prove", product: "prove", on: ["KV"])
            house.tests("Shop", on: ["shop"])

            """
        ),
        ("Sources/Cores/Primitives/Locked.swift", "public import NIOConcurrencyHelpers\n\nlet lock = NIOLock()\n"),
        (
            "Sources/Cores/Primitives/ThreadParker.swift",
            "internal import Glibc\n\nfunc now() { clock_gettime(0, nil) }\n"
        ),
        ("Sources/Cores/Channels/ExecutorThread.swift", "internal import Musl\n"),
        (
            "Sources/Cores/Resilience/Wait.swift",
            "import ApusPrimitives\n\nfunc wait() async { _ = ContinuousClock() }\n"
        ),
        ("Sources/Cores/KV/Store.swift", "import ApusPrimitives\nimport OrderedCollections\n\nstruct Store {}\n"),
        ("Sources/Cores/Late/Late.swift", "struct Late {}\n"),
        ("Sources/Platform/RPC/Call.swift", "public import ApusResilience\nimport Logging\nimport Foundation\n"),
        ("Sources/Platform/Gateway/Proxy.swift", "import ApusRPC\nimport NIOCore\n"),
        ("Sources/Adapters/Etcd/Etcd.swift", "import ApusRPC\n"),
        ("Sources/Apps/Shop/Shop.swift", "import ApusRPC\n\n@main struct Shop {}\n"),
        ("Tests/TestSupport/Poll.swift", "func poll() async throws { try await Task.sleep(for: .zero) }\n"),
        ("Tests/KVTests/StoreTests.swift", "import ApusKV\nimport TestSupport\nimport Testing\n"),
        ("Tests/Prove/Prove.swift", "import ApusKV\n\n@main struct Prove {}\n"),
        ("Tests/ShopTests/ShopTests.swift", "@testable import shop\n"),
        ("Makefile", "test:\n\tswift test\n"),
        ("README.md", "A user agent logs in; its session ends. The shell shows its prompt.\n"),
    ]
}
