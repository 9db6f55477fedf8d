import ArgumentParser
import Foundation
import Logging

/// What `shop run` was told, by flag, else by environment, else by default; checked before anything starts.
struct RunSettings: Sendable, Equatable {
    var host = "127.0.0.1"
    /// 0 takes any free port.
    var port = 8080
    var data = URL(filePath: "shop-data", directoryHint: .isDirectory)
    var parts = Set(ShopPart.allCases)
    var instances = InstancePlan()
    var logLevel = Logger.Level.notice
    /// What this process shares with the other processes of the shop; nil when it is the only one.
    var controlPlane: ControlPlaneAccess?
    /// The number of the first instance of each service here. All processes of a shop together give each number once.
    var firstNumber = 1
    /// Whether faults can be switched on, for tests of what the shop bears.
    var allowsFaults = false

    /// The text of each setting as it came; nil where it was not given.
    struct Given: Sendable {
        var host: String?
        var port: String?
        var data: String?
        var only: String?
        var instances: String?
        var number: String?
        var logLevel: String?
        var controlPlane = ControlPlaneAccess.Given()
    }

    init() {}

    /// - Throws: `ValidationError`, with a line that names the flag or variable, its value and what would be right.
    init(flags: Given, environment: [String: String]) throws {
        if let (text, name) = Self.pick(flags.host, "--host", environment, "SHOP_HOST") {
            guard !text.isEmpty, text.count <= 253, !text.contains(where: { $0.isWhitespace || $0 == "/" }) else {
                throw ValidationError("\(name): '\(text)' is not an address; give one like 127.0.0.1 or 0.0.0.0")
            }
            host = text
        }
        if let (text, name) = Self.pick(flags.port, "--port", environment, "SHOP_PORT") {
            guard let number = Int(text), (0...65535).contains(number) else {
                throw ValidationError("\(name): '\(text)' is not a port; give a number from 0 (any free one) to 65535")
            }
            port = number
        }
        if let (text, name) = Self.pick(flags.data, "--data", environment, "SHOP_DATA") {
            guard !text.isEmpty else { throw ValidationError("\(name): give the path of a folder") }
            data = URL(filePath: text, directoryHint: .isDirectory)
        }
        if let (text, name) = Self.pick(flags.only, "--only", environment, "SHOP_ONLY") {
            parts = try Self.parts(text, from: name)
        }
        if let (text, name) = Self.pick(flags.instances, "--instances", environment, "SHOP_INSTANCES") {
            instances = try InstancePlan(text, from: name, among: parts)
        }
        controlPlane = try ControlPlaneAccess(flags: flags.controlPlane, environment: environment)
        if let (text, name) = Self.pick(flags.number, "--number", environment, "SHOP_NUMBER") {
            guard let number = Int(text), (1...999).contains(number) else {
                throw ValidationError("\(name): '\(text)' is not the number of an instance; give 1 to 999")
            }
            guard number == 1 || controlPlane != nil else {
                throw ValidationError(
                    "\(name): several processes need a control plane in common; say where it is with --endpoints")
            }
            firstNumber = number
        }
        if let (text, name) = Self.pick(flags.logLevel, "--log-level", environment, "SHOP_LOG_LEVEL") {
            guard let level = Logger.Level(rawValue: text.lowercased()) else {
                let levels = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("\(name): '\(text)' is not a log level; choose one of \(levels)")
            }
            logLevel = level
        }
        if let (text, name) = Self.pick(nil, "", environment, "SHOP_FAULTS") {
            guard ["0", "1"].contains(text) else {
                throw ValidationError("\(name): give 1 to let faults be switched on, or 0; '\(text)' is neither")
            }
            allowsFaults = text == "1"
        }
    }

    static func pick(
        _ flag: String?, _ flagName: String, _ environment: [String: String], _ variable: String
    ) -> (text: String, name: String)? {
        if let flag { return (flag, flagName) }
        guard let text = environment[variable], !text.isEmpty else { return nil }
        return (text, variable)
    }

    private static func parts(_ text: String, from name: String) throws -> Set<ShopPart> {
        let words = text.split(separator: ",", omittingEmptySubsequences: false)
        var parts: Set<ShopPart> = []
        for word in words {
            let trimmed = word.trimmingCharacters(in: .whitespaces)
            guard let part = ShopPart(rawValue: trimmed) else {
                throw ValidationError("\(name): there is no service '\(trimmed)'; choose from \(ShopPart.names)")
            }
            parts.insert(part)
        }
        return parts
    }
}

extension RunSettings {
    /// What the instances of a part are called in this process.
    func names(of part: ShopPart) -> [String] {
        guard parts.contains(part) else { return [] }
        return (0..<instances.count(of: part)).map { "\(part.rawValue)-\(firstNumber + $0)" }
    }

    /// All instances of this process.
    var names: [String] { ShopPart.allCases.flatMap { names(of: $0) } }
}
