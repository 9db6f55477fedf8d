import ApusEtcdAPI
import ApusNode
import ApusPrimitives
import ApusRaft
import NIOCore
import NIOHTTP1

struct HealthCounts: Sendable {
    var healthy: Int64 = 0
    var unhealthy: Int64 = 0
}

extension HTTPFrontend {
    /// `/health` as etcd 3.5.1 has it: a JSON object whose `health` is a string, and 503 when it is "false".
    func health(_ request: HTTPRequest) async -> HTTPResponse {
        let reason = await complaint(
            excluding: request.queryValues("exclude"), serializable: request.queryValues("serializable").first == "true"
        )
        counts.withLock { counts in
            if reason == nil { counts.healthy += 1 } else { counts.unhealthy += 1 }
        }
        let text = "{\"health\":\"\(reason == nil)\",\"reason\":\(JSONString.quoted(reason ?? ""))}"
        if reason != nil { return .text(.serviceUnavailable, text + "\n") }
        return HTTPResponse(.ok, type: "text/plain; charset=utf-8", ByteBuffer(string: text))
    }

    private func complaint(excluding alarms: [String], serializable: Bool) async -> String? {
        do throws(EtcdError) {
            let raised = try await core.read(linearizable: false) { $0.alarms.names }
            if let alarm = raised.first(where: { !alarms.contains($0) }) { return "ALARM \(alarm)" }
            if !serializable, core.node.standing.leader == nil { return "RAFT NO LEADER" }
            try await core.read(linearizable: !serializable) { _ in }
            return nil
        } catch {
            return "RANGE ERROR:\(error.message)"
        }
    }

    /// `/livez` and `/readyz`: the reasons when something is wrong, or when asked with `?verbose`; `?exclude=` leaves a check out.
    func readiness(_ checks: [ReadinessCheck], _ request: HTTPRequest) async -> HTTPResponse {
        let excluded = Set(request.queryValues("exclude"))
        var lines = ""
        var isGood = true
        for check in checks where !excluded.contains(check.rawValue) {
            do {
                try await check.run(core)
                lines += "[+]\(check.rawValue) ok\n"
            } catch {
                lines += "[-]\(check.rawValue) failed: \((error as? EtcdError)?.message ?? "\(error)")\n"
                isGood = false
            }
        }
        if !isGood { return .text(.serviceUnavailable, lines + "\n") }
        return .text(.ok, (request.queryValues("verbose").isEmpty ? "" : lines) + "ok\n")
    }
}
