import ApusCoordination
import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import ServiceLifecycle

/// Waits until every process of a cluster is ready, and says who runs where.
struct ClusterOpening: Service {
    /// On a busy machine a debug build takes its time.
    static let limit = Duration.seconds(180)
    /// A process that has ended so often before all are ready will not come.
    static let maxEnds = 3

    let plan: ClusterPlan
    let directory: ServiceDirectory
    let board: ClusterBoard
    let logs: URL

    func run() async throws {
        do {
            try await cancelWhenGracefulShutdown {
                let urls = try await waitUntilReady()
                board.open()
                ClusterProcess.write(announcement(urls))
            }
        } catch is CancellationError {}
        try? await gracefulShutdown()
    }

    /// - Returns: the address of each member, by its name.
    /// - Throws: `StartFailure`.
    private func waitUntilReady() async throws -> [String: String] {
        let end = ContinuousClock.now + Self.limit
        var urls: [String: String] = [:]
        while true {
            try Task.checkCancellation()
            for member in plan.members where urls[member.name] == nil {
                if let url = url(of: member), await Self.isReady(url) { urls[member.name] = url }
            }
            let missing = plan.members.filter { urls[$0.name] == nil }
            guard !missing.isEmpty else { return urls }
            for member in missing {
                guard let entry = board.entry(of: member.name), entry.ends >= Self.maxEnds else { continue }
                throw StartFailure(
                    description: "\(member.name) \(entry.lastEnd) again and again: \(lastWords(of: member))")
            }
            guard ContinuousClock.now < end else {
                throw StartFailure(
                    description: "not ready after \(Self.limit.components.seconds) s: "
                        + "\(missing.map(\.name).joined(separator: ", ")); their logs are in "
                        + logs.path(percentEncoded: false))
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    private func url(of member: ClusterMember) -> String? {
        if let url = member.url { return url }
        let service = member.name.prefix { $0 != "-" }
        let instance = directory.instances(of: String(service)).first { $0.id == member.name }
        return instance.map { "http://\($0.host):\($0.port)" }
    }

    private static func isReady(_ url: String) async -> Bool {
        let answer = try? await HTTPClient.shared.execute(
            HTTPClientRequest(url: "\(url)/readyz"), timeout: .seconds(1))
        return answer?.status == .ok
    }

    private func lastWords(of member: ClusterMember) -> String {
        let log = logs.appending(path: "\(member.name).log").path(percentEncoded: false)
        let text =
            FileManager.default.contents(atPath: log).map { String(decoding: $0.suffix(4096), as: UTF8.self) } ?? ""
        return text.split(separator: "\n").last.map { String($0.prefix(1000)) } ?? "it said nothing"
    }

    private func announcement(_ urls: [String: String]) -> String {
        let width = plan.members.map(\.name.count).max() ?? 0
        func list(_ members: [ClusterMember]) -> String {
            members.map { member in
                let process = board.entry(of: member.name)?.process ?? 0
                return "  \(member.name.padded(to: width))  process \(process)  \(urls[member.name] ?? "")"
            }.joined(separator: "\n")
        }
        let nodes =
            plan.nodes.isEmpty
            ? "The control plane is at \(plan.controlPlane.endpoints.joined(separator: ", "))."
            : "Control plane:\n\(list(plan.nodes))"
        let doors = plan.gateways.compactMap(\.url)
        let orphans =
            Spawner.isGuarding
            ? "" : "\nThere is no setpriv here: when this process is killed with -9, the others go on.\n"
        return """
            \(nodes)

            Services:
            \(list(plan.services))

            Gateways:
            \(list(plan.gateways))
            \(orphans)
            The shop is open at \(doors.joined(separator: " and "))

            Paste this to order something and watch its saga on the page at \(doors.first ?? ""):

            \(Announcement.journey(url: doors.first ?? "").split(separator: "\n").map { "  " + $0 }.joined(separator: "\n"))

            Kill any one of these processes (kill -9): orders go on, and it is started again. While a gateway is
            gone, use the other one. Logs are in \(logs.path(percentEncoded: false)).
            Ctrl-C stops all of it; then `shop audit --data` checks the books.
            """
    }
}
