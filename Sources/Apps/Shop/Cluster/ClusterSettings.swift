import ArgumentParser
import Foundation

/// What `shop cluster` was told; checked before anything starts.
struct ClusterSettings: Sendable, Equatable {
    /// What its processes have in common with a shop in one process.
    var common: RunSettings
    /// The program of the nodes; nil for the one beside this program.
    var apus: String?

    /// - Throws: `ValidationError`, as `RunSettings`.
    init(flags: RunSettings.Given, apus: String? = nil, environment: [String: String]) throws {
        var flags = flags
        // Another folder than that of a shop in one process: neither takes the other's place by accident.
        if flags.data == nil, environment["SHOP_DATA", default: ""].isEmpty { flags.data = "shop-cluster-data" }
        let own = environment.filter { !["SHOP_ONLY", "SHOP_INSTANCES", "SHOP_NUMBER"].contains($0.key) }
        common = try RunSettings(flags: flags, environment: own)
        guard common.port < 65535 else {
            throw ValidationError("--port: the second gateway has the port after it; give at most 65534")
        }
        if apus != nil, common.controlPlane != nil {
            throw ValidationError("--apus: with --endpoints no nodes are started; leave one of both out")
        }
        self.apus = apus
    }
}
