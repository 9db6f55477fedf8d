/// What is planted, one breach each.
extension TidyTests {
    private static let core = "Sources/Cores/KV/New.swift"
    private static let platform = "Sources/Platform/RPC/New.swift"
    private static let test = "Tests/KVTests/NewTests.swift"

    static let breaches = imports + clocks + concurrency + sizes + text

    private static let imports = [
        Plant("core-import", core, "import Foundation\n"),
        Plant("core-import", core, "public import Dispatch\n"),
        Plant("core-import", line: 2, core, "// A lock.\nimport NIOConcurrencyHelpers\n"),
        Plant("core-import", "Sources/Cores/Resilience/New.swift", "import Foundation\n"),
        Plant("core-import", core, "import Glibc\n"),
        Plant("core-import", "Sources/Cores/Primitives/New.swift", "import Glibc\n"),
        Plant("core-import", "Sources/Cores/Primitives/ShortLock.swift", "import Foundation\n"),
        Plant("core-import", "Sources/Cores/KV/ExecutorThread.swift", "import Musl\n"),
        Plant("arrow", core, "import ApusRPC\n"),
        Plant("arrow", core, "import ApusLate\n"),
        Plant("arrow", platform, "import ApusGateway\n"),
        Plant("arrow", platform, "@testable import ApusEtcd\n"),
        Plant("arrow", line: 2, "Sources/Adapters/Etcd/New.swift", "import ApusRPC\nimport shop\n"),
        Plant("manifest", core, "import ApusResilience\n"),
        Plant("manifest", platform, "import ApusKV\n"),
        Plant("manifest", platform, "import ApusUnknown\n"),
        Plant("manifest", platform, "import NIOCore\n"),
        Plant("manifest", test, "import ApusRPC\n"),
        Plant("manifest", "Tests/Prove/A.swift", "import ApusRPC\n"),
        Plant("manifest", "Sources/Platform/Unlisted/A.swift", "struct A {}\n"),
        Plant("manifest", "Sources/Elsewhere/A.swift", "struct A {}\n"),
        Plant("manifest", "Sources/Platform/KV/A.swift", "struct A {}\n"),
        Plant("manifest", "Tests/UnlistedTests/A.swift", "struct A {}\n"),
        Plant("xctest", test, "import XCTest\n"),
        Plant("main-file", "Sources/Apps/Shop/main.swift", "print(1)\n"),
    ]

    private static let clocks =
        [
            "Date()", "Date(timeIntervalSince1970: 0)", "Date.now", "SystemClock()", "gettimeofday(&t, nil)",
            "clock_gettime(0, &t)", "DispatchTime.now()", "SuspendingClock()", "ContinuousClock.now",
            "NIODeadline.now()",
        ].map { Plant("core-clock", core, "let now = \($0)\n") } + [
            Plant("core-clock", "Sources/Cores/Resilience/New.swift", "let now = SuspendingClock.now\n"),
            Plant("core-clock", "Sources/Cores/Primitives/ThreadParker.swift", "let now = SuspendingClock.now\n"),
            Plant("core-clock", "Sources/Cores/Primitives/New.swift", "clock_gettime(0, &t)\n"),
            Plant("core-clock", line: 3, core, "/* one\n two */\nlet text = \"at \\(Date())\"\n"),
        ]

    private static let concurrency = [
        Plant("async-core", core, "func f() async {}\n"),
        Plant("async-core", core, "let x = await f()\n"),
        Plant("async-core", core, "func f(_ clock: some Clock) {}\n"),
        Plant("async-core", line: 2, core, "func f() {\n    Task { g() }\n}\n"),
        Plant("init-task", line: 3, platform, "class A {\n    init() {\n        Task { g() }\n    }\n}\n"),
        Plant(
            "init-task", line: 3, platform,
            "class A {\n    init?(a: () -> Void = {}) throws {\n Task.detached {}\n    }\n}\n"),
        Plant(
            "init-task", line: 2, platform,
            "class A {\n    init<T>(_: T) where T: P { x = Task<Void, Never> { g() } }\n}\n"),
        Plant("test-sleep", test, "try await Task.sleep(for: .seconds(1))\n"),
        Plant("test-sleep", test, "Thread.sleep(forTimeInterval: 1)\n"),
        Plant("test-sleep", test, "usleep(1)\n"),
        Plant("test-sleep", test, "try await ContinuousClock().sleep(for: .seconds(1))\n"),
        Plant("async-stream", platform, "let s = AsyncStream<Int> { c in c.finish() }\n"),
        Plant("async-stream", platform, "let (s, c) = AsyncStream<[Int]>.makeStream()\n"),
        Plant("async-stream", platform, "let s = AsyncThrowingStream(Int.self) { c in c.finish() }\n"),
        Plant(
            "async-stream", platform, "let (s, c) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .unbounded)\n"
        ),
        Plant("lock", platform, "let lock = NIOLock()\n"),
        Plant("lock", platform, "let lock = NSLock()\n"),
        Plant("locked-closure", platform, "let told = Locked<(@Sendable (Int) -> Void)?>(nil)\n"),
        Plant("lock", platform, "let box = NIOLockedValueBox(1)\n"),
        Plant("lock", line: 2, platform, "import Synchronization\nlet lock = Mutex<Int>(1)\n"),
        Plant("lock", platform, "queue.sync { f() }\n"),
        Plant("lock", test, "DispatchQueue(label: \"\").sync { f() }\n"),
        Plant("unsafe", platform, "final class A: @unchecked Sendable {}\n"),
        Plant("unsafe", platform, "nonisolated(unsafe) var a = 1\n"),
        Plant("unsafe", line: 3, platform, "// Safe: this one.\nlet a = try! f()\nlet b = try! f()\n"),
        Plant("unsafe", test, "let a = try! f()\n"),
        Plant("unsafe", line: 2, platform, "// Safe:\nlet a: Int = fatalError()\n"),
    ]

    private static let sizes = [
        Plant("long-file", platform, String(repeating: "let a = 1\n", count: 401)),
        Plant("long-file", platform, "// Long because: of it.\n" + String(repeating: "let a = 1\n", count: 800)),
        Plant("long-file", platform, String(repeating: "\n", count: 20) + "// Long because: late.\n" + many(400)),
        Plant(
            "one-type", line: 63, platform, "public struct A {\n\(many(60))}\npublic final class B {\n\(many(60))}\n"),
    ]

    private static let text = [
        Plant("line-end", line: 2, platform, "let a = 1\nlet b = 2 \n"),
        Plant("line-end", platform, "let a = 1\r\n"),
        Plant("line-end", line: 2, "docs/a.md", "# A\n\tcode\n"),
        Plant("line-end", line: 2, "docs/a.md", "# A\nno end"),
        Plant("to-do", platform, "// TODO: later\n"),
        Plant("to-do", line: 2, "docs/a.md", "# A\nFIXME\n"),
        Plant("to-do", test, "// XXX\n"),
        Plant("words", "README.md", "Written by Claude.\n"),
        Plant("words", "docs/a.md", "As an LLM would.\n"),
        Plant("words", platform, "// As in an earlier session.\n"),
        Plant("words", "Makefile", "# See /work/dev\n"),
    ]

    /// What a careless search would find, and tidy does not.
    static let permitted = [
        Plant("core-import", core, "// import Foundation\nlet a = \"import Foundation\"\n"),
        Plant("core-clock", core, "/// Not `Date()`, not ContinuousClock.\nlet text = \"Date()\"\n"),
        Plant(
            "core-clock", core,
            "let update = #\"a \"quoted\" Date()\"#\nlet more = \"\"\"\n    Date() \"x\"\n    \"\"\"\n"),
        Plant("core-clock", core, "/* outer /* Date() */ Date() */\n"),
        Plant("async-core", core, "enum Kind { case tasks }\n"),
        Plant("manifest", "Tests/KVTests/New.swift", "import Foundation\nimport ApusKV\n"),
        Plant(
            "init-task", platform, "class A {\n    init() { self.x = B.init() }\n    func run() { Task { g() } }\n}\n"),
        Plant("init-task", platform, "protocol P {\n    init()\n    func run() { Task { g() } }\n}\n"),
        Plant("async-stream", platform, "func f() -> AsyncStream<Int> {\n    g()\n}\n"),
        Plant(
            "async-stream", platform, "let s = AsyncStream<Int>(bufferingPolicy: .bufferingNewest(1)) { $0.finish() }\n"
        ),
        Plant("async-stream", platform, "let s = AsyncStream(unfolding: { await next() })\n"),
        Plant("lock", platform, "struct Mutex<A> {}\ntry await log.sync()\n"),
        Plant("test-sleep", test, "try await time.sleep(for: .seconds(1))\n"),
        Plant("unsafe", platform, "let a = try! f()  // Safe: f throws for negative numbers only.\n"),
        Plant(
            "unsafe", platform,
            "/// A.\n// Safe: set once.\n// At the start.\n@usableFromInline\nnonisolated(unsafe) var a = 1\n"),
        Plant("long-file", platform, "// Long because: of it.\n" + many(799)),
        Plant("long-file", platform, many(400)),
        Plant("long-file", "Sources/Platform/RPC/New.pb.swift", many(2_000)),
        Plant("one-type", platform, "public struct A {\n\(many(60))}\nstruct B {\n\(many(60))}\npublic enum C {}\n"),
        Plant("words", "docs/a.md", "The agent of the user ends its session.\n"),
        Plant("line-end", "docs/empty.md", ""),
    ]

    private static func many(_ lines: Int) -> String {
        String(repeating: "    let a = 1\n", count: lines)
    }
}
