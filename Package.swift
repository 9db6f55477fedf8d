// swift-tools-version: 6.2
// The house plan of docs/architecture.md as a manifest: four layers, one helper for each. A module may only use
// modules of the layers before it, or those listed before it in its own layer; `House` refuses anything else.

import PackageDescription

enum Layer: Int { case cores, platform, adapters, apps }

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

/// A product of a package that Apus uses; docs/dependencies.md says why each is there.
struct Library {
    let dependency: Target.Dependency

    init(_ product: String, _ package: String) {
        dependency = .product(name: product, package: package)
    }

    static let argumentParser = Library("ArgumentParser", "swift-argument-parser")
    static let asyncHTTPClient = Library("AsyncHTTPClient", "async-http-client")
    static let deque = Library("DequeModule", "swift-collections")
    static let heap = Library("HeapModule", "swift-collections")
    static let configuration = Library("Configuration", "swift-configuration")
    static let crypto = Library("Crypto", "swift-crypto")
    static let cryptoExtras = Library("CryptoExtras", "swift-crypto")
    static let grdb = Library("GRDB", "GRDB.swift")
    static let httpTypes = Library("HTTPTypes", "swift-http-types")
    static let hummingbird = Library("Hummingbird", "hummingbird")
    static let hummingbirdTesting = Library("HummingbirdTesting", "hummingbird")
    static let jwtKit = Library("JWTKit", "jwt-kit")
    static let lifecycle = Library("ServiceLifecycle", "swift-service-lifecycle")
    static let logging = Library("Logging", "swift-log")
    static let metrics = Library("Metrics", "swift-metrics")
    static let mustache = Library("Mustache", "swift-mustache")
    static let nioConcurrency = Library("NIOConcurrencyHelpers", "swift-nio")
    static let nioCore = Library("NIOCore", "swift-nio")
    static let nioEmbedded = Library("NIOEmbedded", "swift-nio")
    static let nioHTTP1 = Library("NIOHTTP1", "swift-nio")
    static let nioPosix = Library("NIOPosix", "swift-nio")
    static let nioSSL = Library("NIOSSL", "swift-nio-ssl")
    static let nioTLS = Library("NIOTLS", "swift-nio")
    static let protobuf = Library("SwiftProtobuf", "swift-protobuf")
    static let swiftASN1 = Library("SwiftASN1", "swift-asn1")
    static let x509 = Library("X509", "swift-certificates")
    static let yams = Library("Yams", "Yams")
}

/// Collects the targets and keeps the arrows between them pointing one way.
struct House {
    private(set) var targets: [Target] = []
    private(set) var products: [Product] = []
    private var layers: [String: Layer] = [:]
    private var systems: Set<String> = []

    mutating func core(_ name: String, on modules: [String] = [], using libraries: [Library] = []) {
        add(name, in: .cores, folder: "Cores", on: modules, using: libraries)
    }

    mutating func platform(_ name: String, on modules: [String], using libraries: [Library] = []) {
        add(name, in: .platform, folder: "Platform", on: modules, using: libraries)
    }

    mutating func adapter(_ name: String, on modules: [String], using libraries: [Library] = []) {
        add(name, in: .adapters, folder: "Adapters", on: modules, using: libraries)
    }

    /// A library of the system; its module map names the header.
    mutating func system(_ name: String, folder: String) {
        targets.append(.systemLibrary(name: name, path: "Sources/\(folder)/\(name)"))
        systems.insert(name)
    }

    /// An app: a module, and the executable `product` that starts it.
    mutating func app(_ name: String, product: String, on modules: [String], using libraries: [Library] = []) {
        check(name, in: .apps, on: modules)
        targets.append(
            .executableTarget(
                name: product, dependencies: dependencies(modules, libraries), path: "Sources/Apps/\(name)",
                swiftSettings: settings))
        products.append(.executable(name: product, targets: [product]))
    }

    /// A program that the documentation shows; it is built with everything else, so that it stays true.
    mutating func example(_ name: String, product: String, on modules: [String], using libraries: [Library] = []) {
        targets.append(
            .executableTarget(
                name: product, dependencies: dependencies(modules, libraries), path: "Examples/\(name)",
                swiftSettings: settings))
    }

    /// Code that several test targets share; it lives beside the tests and ships with no product.
    mutating func support(_ name: String, on modules: [String], using libraries: [Library] = []) {
        targets.append(
            .target(
                name: name, dependencies: dependencies(modules, libraries), path: "Tests/\(name)",
                swiftSettings: settings))
    }

    /// A program that tests run as it is, in a build of its own; it lives beside the tests and ships with no product.
    mutating func program(_ name: String, product: String, on modules: [String], using libraries: [Library] = []) {
        targets.append(
            .executableTarget(
                name: product, dependencies: dependencies(modules, libraries), path: "Tests/\(name)",
                swiftSettings: settings))
    }

    /// A library in C that tests load into another process; a product only because nothing else makes a shared object.
    mutating func preloaded(_ name: String) {
        targets.append(.target(name: name, path: "Tests/\(name)"))
        products.append(.library(name: name, type: .dynamic, targets: [name]))
    }

    /// The tests of one module; `support` names shared test code, `files` what lies beside the tests and is not compiled.
    mutating func tests(
        _ name: String, on modules: [String], support: [String] = [], using libraries: [Library] = [],
        except files: [String] = []
    ) {
        let shared = support.map { Target.Dependency.target(name: $0) }
        targets.append(
            .testTarget(
                name: "\(name)Tests", dependencies: dependencies(modules, libraries) + shared,
                path: "Tests/\(name)Tests", exclude: files, swiftSettings: settings))
    }

    private mutating func add(
        _ name: String, in layer: Layer, folder: String, on modules: [String], using libraries: [Library]
    ) {
        check(name, in: layer, on: modules)
        layers[name] = layer
        products.append(.library(name: "Apus\(name)", targets: ["Apus\(name)"]))
        targets.append(
            .target(
                name: "Apus\(name)", dependencies: dependencies(modules, libraries),
                path: "Sources/\(folder)/\(name)", swiftSettings: settings))
    }

    private func check(_ name: String, in layer: Layer, on modules: [String]) {
        for module in modules where !systems.contains(module) {
            guard let below = layers[module] else {
                fatalError("\(name) uses \(module), which is not listed before it")
            }
            guard below.rawValue <= layer.rawValue else {
                fatalError("\(name) may not use \(module), a layer above it")
            }
        }
    }

    private func dependencies(_ modules: [String], _ libraries: [Library]) -> [Target.Dependency] {
        modules.map { layers[$0] == nil ? .target(name: $0) : .target(name: "Apus\($0)") } + libraries.map(\.dependency)
    }
}

var house = House()

house.core("Primitives", using: [.nioConcurrency])
house.core("Channels", on: ["Primitives"], using: [.deque, .heap])
house.core("Resilience", on: ["Primitives", "Channels"])
house.core("Placement", on: ["Primitives"])
house.core("KV", on: ["Primitives"], using: [.deque])
house.core("Raft", on: ["Primitives"], using: [.deque])

house.platform("Observability", on: ["Primitives", "Channels", "Resilience"], using: [.logging, .metrics])
house.system("CZlib", folder: "Platform")
house.platform(
    "GRPC", on: ["Primitives", "Resilience", "Observability", "CZlib"],
    using: [.deque, .lifecycle, .logging, .metrics, .nioCore, .nioPosix, .nioSSL, .nioTLS, .protobuf])
house.platform("EtcdAPI", on: ["Primitives", "KV", "GRPC"], using: [.protobuf])
house.platform("SQL", on: ["Primitives", "Resilience"], using: [.grdb])
house.platform("Storage", on: ["Primitives"])
house.platform(
    "Coordination", on: ["Primitives", "Channels", "Resilience", "KV", "Storage"],
    using: [.configuration, .lifecycle, .logging])
house.platform(
    "Node", on: ["Primitives", "Channels", "Raft", "Storage"],
    using: [.deque, .lifecycle, .logging, .metrics, .nioCore, .nioPosix, .nioSSL])
house.platform(
    "ControlPlane",
    on: [
        "Primitives", "Channels", "Resilience", "KV", "Raft", "Observability", "GRPC", "EtcdAPI", "Storage", "Node",
    ],
    using: [
        .crypto, .cryptoExtras, .deque, .heap, .lifecycle, .logging, .metrics, .nioCore, .nioHTTP1, .nioPosix, .nioSSL,
        .nioTLS, .protobuf,
    ])
house.platform(
    "RPC", on: ["Primitives", "Resilience", "Placement", "Observability", "Coordination"],
    using: [.asyncHTTPClient, .logging, .metrics, .nioCore, .nioHTTP1, .nioPosix])
house.platform(
    "Hosting", on: ["Primitives", "Channels", "Resilience", "Observability", "Coordination", "RPC"],
    using: [.configuration, .httpTypes, .hummingbird, .lifecycle, .logging, .metrics, .nioCore, .nioHTTP1, .nioPosix])
house.platform(
    "Gateway", on: ["Primitives", "Resilience", "Placement", "Observability", "Coordination", "RPC"],
    using: [.lifecycle, .logging, .metrics, .nioCore, .nioHTTP1, .nioPosix])
house.platform(
    "Transactions", on: ["Primitives", "Channels", "Resilience", "SQL"], using: [.lifecycle, .logging, .metrics])

house.adapter(
    "Etcd", on: ["Primitives", "Channels", "Resilience", "KV", "GRPC", "EtcdAPI", "Coordination"],
    using: [.deque, .lifecycle, .logging, .nioCore, .nioPosix, .nioSSL, .protobuf])

house.app(
    "Shop", product: "shop",
    on: [
        "Primitives", "Channels", "Resilience", "KV", "Observability", "SQL", "Coordination", "RPC", "Hosting",
        "Gateway", "Transactions", "Etcd",
    ],
    using: [
        .argumentParser, .asyncHTTPClient, .configuration, .crypto, .cryptoExtras, .httpTypes, .hummingbird,
        .lifecycle, .logging, .metrics, .mustache, .nioCore, .nioHTTP1, .nioPosix, .nioSSL,
    ])

house.app(
    "apus", product: "apus",
    on: ["Primitives", "Channels", "GRPC", "EtcdAPI", "Observability", "ControlPlane", "Etcd"],
    using: [
        .argumentParser, .crypto, .lifecycle, .logging, .nioCore, .nioPosix, .nioSSL, .protobuf, .swiftASN1, .x509,
        .yams,
    ])

house.example("Hello", product: "hello", on: ["Hosting"], using: [.hummingbird])
house.example(
    "Counter", product: "counter", on: ["Primitives", "Raft", "Node", "RPC", "Hosting"],
    using: [.argumentParser, .hummingbird, .logging])
house.example("Greeter", product: "greeter", on: ["GRPC"], using: [.protobuf])
house.example("Channels", product: "channels", on: ["Primitives", "Channels"])

house.support("TestSupport", on: ["Primitives", "Channels"], using: [.nioCore, .nioPosix, .nioSSL])
house.tests("Primitives", on: ["Primitives"])
house.tests("Channels", on: ["Primitives", "Channels"], support: ["TestSupport"])
house.program("ChannelsStress", product: "channels-stress", on: ["Primitives", "Channels"])
house.tests("ChannelsExamples", on: ["channels", "Primitives", "Channels"], support: ["TestSupport"])
house.tests("Resilience", on: ["Primitives", "Resilience"], support: ["TestSupport"])
house.tests("Placement", on: ["Primitives", "Placement"])
house.tests("KV", on: ["Primitives", "KV"])
house.tests("Raft", on: ["Primitives", "Raft"], except: ["Transcripts"])
house.support("RaftSimulation", on: ["Primitives", "Raft"])
house.program("Simulate", product: "simulate", on: ["Primitives", "RaftSimulation"], using: [.argumentParser])
house.tests(
    "RaftSimulation", on: ["simulate", "Primitives", "Raft"], support: ["RaftSimulation", "TestSupport"],
    except: ["Mutations"])
house.tests(
    "Observability", on: ["Primitives", "Resilience", "Observability"], support: ["TestSupport"],
    using: [.logging, .metrics])
house.tests(
    "GRPC", on: ["greeter", "Primitives", "Resilience", "Observability", "GRPC"], support: ["TestSupport"],
    using: [.lifecycle, .logging, .metrics, .nioCore, .nioHTTP1, .nioPosix, .nioSSL, .protobuf])
house.tests(
    "Node", on: ["counter", "Primitives", "Channels", "Raft", "Storage", "Node"],
    support: ["DiskSimulation", "TestSupport"],
    using: [.logging, .nioCore, .nioPosix, .nioSSL])
house.tests(
    "ControlPlane", on: ["Primitives", "Channels", "KV", "Raft", "GRPC", "EtcdAPI", "Storage", "Node", "ControlPlane"],
    support: ["TestSupport"],
    using: [.crypto, .lifecycle, .logging, .nioCore, .nioEmbedded, .nioHTTP1, .nioPosix, .nioSSL, .protobuf])
house.support("SQLConformance", on: ["Primitives", "SQL"])
house.tests("SQL", on: ["Primitives", "SQL"], support: ["SQLConformance", "TestSupport"])
house.support("DiskSimulation", on: ["Primitives", "Storage"])
house.support("CoordinationConformance", on: ["Primitives", "KV", "Coordination", "TestSupport"])
house.tests(
    "Coordination", on: ["Primitives", "Resilience", "KV", "Storage", "Coordination"],
    support: ["CoordinationConformance", "DiskSimulation", "TestSupport"],
    using: [.configuration, .lifecycle, .logging])
house.tests(
    "Etcd", on: ["apus", "Primitives", "KV", "GRPC", "EtcdAPI", "Coordination", "Etcd"],
    support: ["CoordinationConformance", "TestSupport"], using: [.logging, .nioSSL, .protobuf])
house.tests(
    "RPC", on: ["Primitives", "Resilience", "Coordination", "Observability", "RPC"], support: ["TestSupport"],
    using: [.logging, .nioCore, .nioHTTP1, .nioPosix])
house.tests(
    "Hosting", on: ["Primitives", "Resilience", "KV", "Coordination", "Observability", "RPC", "Hosting"],
    support: ["TestSupport"],
    using: [.configuration, .hummingbird, .lifecycle, .logging, .nioCore])
house.tests(
    "Gateway", on: ["Primitives", "Resilience", "KV", "Placement", "Coordination", "Observability", "RPC", "Gateway"],
    support: ["TestSupport"],
    using: [.asyncHTTPClient, .lifecycle, .logging, .nioCore, .nioEmbedded, .nioHTTP1, .nioPosix])
house.tests(
    "Transactions", on: ["Primitives", "Resilience", "SQL", "Transactions"], support: ["TestSupport"],
    using: [.lifecycle, .logging])
house.tests(
    "Shop",
    on: [
        "shop", "apus", "Primitives", "Resilience", "KV", "SQL", "Coordination", "RPC", "Hosting", "Gateway",
        "Transactions",
    ],
    support: ["TestSupport"],
    using: [
        .argumentParser, .asyncHTTPClient, .crypto, .hummingbird, .jwtKit, .lifecycle, .logging, .nioCore, .nioHTTP1,
        .nioPosix,
    ])
house.preloaded("AttackClock")
house.program(
    "Attack", product: "attack", on: ["Primitives", "Resilience", "KV", "GRPC", "EtcdAPI"],
    using: [.argumentParser, .protobuf])
house.tests("Attack", on: ["attack", "apus"], support: ["TestSupport"])
house.tests(
    "Apus", on: ["apus", "Primitives", "Resilience", "GRPC", "EtcdAPI", "ControlPlane"], support: ["TestSupport"],
    using: [.nioCore, .nioSSL, .protobuf])
house.tests(
    "EtcdCompatibility", on: ["apus", "Primitives", "GRPC", "EtcdAPI"], support: ["TestSupport"], using: [.protobuf],
    except: ["Clients"])
house.tests("Tidy", on: [], support: ["TestSupport"])

let package = Package(
    name: "apus",
    platforms: [.macOS(.v26)],
    products: house.products,
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
    ],
    targets: house.targets
)
