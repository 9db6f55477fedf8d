// swift-tools-version: 6.2
// Benchmarks are a package of their own, so that nobody who uses Apus fetches what only a benchmark needs.

import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

let package = Package(
    name: "benchmarks",
    platforms: [.macOS(.v26)],
    dependencies: [
        .package(name: "apus", path: ".."),
        .package(url: "https://github.com/apple/swift-async-algorithms", from: "1.1.4"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    ],
    targets: [
        .target(name: "Allocations", path: "Allocations"),
        .executableTarget(
            name: "channel-benchmark",
            dependencies: [
                "Allocations",
                .product(name: "ApusChannels", package: "apus"),
                .product(name: "AsyncAlgorithms", package: "swift-async-algorithms"),
            ],
            path: "Channels", swiftSettings: settings),
        .executableTarget(
            name: "grpc-benchmark",
            dependencies: [
                .product(name: "ApusGRPC", package: "apus"),
                .product(name: "ApusPrimitives", package: "apus"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            path: "GRPC", swiftSettings: settings),
        .executableTarget(
            name: "raftlog",
            dependencies: [
                .product(name: "ApusNode", package: "apus"),
                .product(name: "ApusPrimitives", package: "apus"),
                .product(name: "ApusRaft", package: "apus"),
            ],
            path: "Log", swiftSettings: settings),
        .executableTarget(
            name: "resilience-benchmark",
            dependencies: [
                "Allocations",
                .product(name: "ApusPrimitives", package: "apus"),
                .product(name: "ApusResilience", package: "apus"),
            ],
            path: "Resilience", swiftSettings: settings),
        .executableTarget(
            name: "raft-benchmark",
            dependencies: [
                .product(name: "ApusPrimitives", package: "apus"),
                .product(name: "ApusRaft", package: "apus"),
                .product(name: "ApusNode", package: "apus"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            path: "Raft", swiftSettings: settings),
    ]
)
