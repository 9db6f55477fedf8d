import Foundation

/// A network of its own for each member, joined by a bridge, all within the network namespace of this process: nothing of it is
/// left when the process ends.
final class Lab: Sendable {
    /// Processes that keep the members' network namespaces.
    private let keepers: [Int: Int32]

    static func address(_ member: Int) -> String { "10.99.0.\(member)" }

    /// - Throws: `Shell.Failure`, where network namespaces are not allowed.
    init(members: Int) throws {
        try Shell.run("ip", "link", "add", "apus0", "type", "bridge")
        try Shell.run("ip", "addr", "add", "10.99.0.254/24", "dev", "apus0")
        try Shell.run("ip", "link", "set", "apus0", "up")
        var keepers: [Int: Int32] = [:]
        for member in 1...members {
            let keeper = try Shell.start(["unshare", "--net", "sleep", "infinity"], output: URL(filePath: "/dev/null"))
            keepers[member] = keeper.processIdentifier
            // The namespace is there when the keeper's differs from ours.
            while try Self.namespace("self") == Self.namespace("\(keeper.processIdentifier)") {}
            try Shell.run(
                "ip", "link", "add", "member\(member)", "type", "veth", "peer", "name", "eth0", "netns",
                "\(keeper.processIdentifier)")
            try Shell.run("ip", "link", "set", "member\(member)", "master", "apus0", "up")
        }
        self.keepers = keepers
        for member in 1...members {
            try run(in: member, "ip", "link", "set", "lo", "up")
            try run(in: member, "ip", "addr", "add", "\(Self.address(member))/24", "dev", "eth0")
            try run(in: member, "ip", "link", "set", "eth0", "up")
        }
    }

    private static func namespace(_ process: String) throws -> String {
        try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/ns/net")
    }

    /// What runs a command in the network of a member.
    func entrance(_ member: Int) -> [String] {
        ["nsenter", "--net", "--target", "\(keepers[member] ?? 0)"]
    }

    private func run(in member: Int, _ command: String...) throws {
        let process = try Shell.start(entrance(member) + command, output: URL(filePath: "/dev/null"))
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Shell.Failure(description: "\(command.joined(separator: " ")) in the network of \(member)")
        }
    }

    /// What `from` sends to `to` is lost from now on: it goes to a station that nobody has.
    func cut(from: Int, to: Int) throws {
        try run(
            in: from, "ip", "neigh", "replace", Self.address(to), "lladdr", "02:00:00:00:00:99", "dev", "eth0", "nud",
            "permanent")
    }

    func heal(from: Int, to: Int) throws {
        try run(in: from, "ip", "neigh", "flush", "to", Self.address(to), "dev", "eth0", "nud", "permanent")
    }
}
