import Foundation

extension DashboardView {
    init(_ snapshot: DashboardSnapshot) {
        let instances = snapshot.services.flatMap(\.instances)
        let up = instances.count { if case .up = $0.health { true } else { false } }
        let orders = snapshot.orders.list ?? []
        health = up == instances.count && up > 0 ? "good" : "bad"
        summary =
            up == instances.count
            ? "All \(up) instances are ready" : "\(up) of \(instances.count) instances are ready"
        now = WallClock.text(milliseconds: snapshot.takenAt)
        nowText = String(now.dropFirst(11).prefix(8)) + " UTC"
        services = snapshot.services.map { service in
            let count = service.instances.count
            return Service(
                name: service.name, count: count == 1 ? "1 instance" : "\(count) instances",
                instances: service.instances.map(Instance.init))
        }
        self.orders = orders.map { Order($0, now: snapshot.takenAt) }
        let pending = orders.count { $0.status == "pending" }
        ordersSummary = orders.isEmpty ? "" : "\(pending) of the last \(orders.count) orders pending"
        ordersProblem = snapshot.orders.problem.map { why in
            let old = snapshot.orders.list == nil ? "" : ". These are the orders of before"
            return "The order service does not answer: \(why)\(old)"
        }
        noOrders = orders.isEmpty && ordersProblem == nil
    }
}

extension DashboardView.Instance {
    init(_ instance: DashboardSnapshot.Instance) {
        id = instance.id
        address = instance.address
        switch instance.health {
        case .up(let milliseconds): (state, stateText, mark, detail) = ("up", "ready, \(milliseconds) ms", "●", nil)
        case .unready(let why): (state, stateText, mark, detail) = ("unready", "not ready", "◐", why)
        case .unreachable(let why): (state, stateText, mark, detail) = ("down", "no answer", "○", why)
        }
    }
}

extension DashboardView.Order {
    init(_ order: RecentOrder, now: Int64) {
        id = order.id
        status = order.status
        reason = order.reason
        total = Self.money(order.total, order.currency)
        createdAt = WallClock.text(milliseconds: order.createdAt)
        age = Self.age(milliseconds: now - order.createdAt)
        lines = order.lines.map { "\($0.quantity) × \($0.name)" }.joined(separator: ", ")
        steps = order.steps.map(DashboardView.Step.init)
    }

    static func money(_ minorUnits: Int64, _ currency: String) -> String {
        let cents = minorUnits.magnitude % 100
        return "\(minorUnits < 0 ? "−" : "")\(minorUnits.magnitude / 100).\(cents < 10 ? "0" : "")\(cents) \(currency)"
    }

    static func age(milliseconds: Int64) -> String {
        let seconds = max(0, milliseconds / 1000)
        return switch seconds {
        case ..<60: "\(seconds) s ago"
        case ..<3600: "\(seconds / 60) min ago"
        case ..<86_400: "\(seconds / 3600) h ago"
        default: "\(seconds / 86_400) d ago"
        }
    }
}

extension DashboardView.Step {
    init(_ step: OrderStep) {
        name = step.name
        phase = step.phase
        let undone = step.phase.hasPrefix("compensat")
        let count = undone ? step.undoAttempts : step.attempts
        let tries = count > 1 ? ", \(count) tries" : ""
        switch step.phase {
        case "pending": (phaseText, mark) = ("waiting", "·")
        case "running": (phaseText, mark) = ("running" + tries, "▸")
        case "succeeded": (phaseText, mark) = ("done" + Self.took(step) + tries, "✓")
        case "failed": (phaseText, mark) = ("refused" + tries, "✕")
        case "compensating": (phaseText, mark) = ("undoing" + tries, "↶")
        case "compensated": (phaseText, mark) = ("undone" + tries, "↺")
        case "skipped": (phaseText, mark) = ("not reached", "–")
        default: (phaseText, mark) = (step.phase, "·")
        }
    }

    /// How long a step took, waits between its tries included.
    private static func took(_ step: OrderStep) -> String {
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        guard let start = step.startedAt.flatMap({ try? style.parse($0) }),
            let end = step.endedAt.flatMap({ try? style.parse($0) }), end >= start
        else { return "" }
        let milliseconds = Int((end.timeIntervalSince(start) * 1000).rounded())
        return milliseconds < 1000
            ? " in \(milliseconds) ms" : " in \(milliseconds / 100 / 10).\(milliseconds / 100 % 10) s"
    }
}
