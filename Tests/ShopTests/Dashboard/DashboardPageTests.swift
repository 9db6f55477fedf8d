import Testing

@testable import shop

struct DashboardPageTests {
    private func page(_ services: [DashboardSnapshot.Service] = [], orders: [RecentOrder] = []) throws -> String {
        try DashboardPage().html(
            DashboardView(
                DashboardSnapshot(takenAt: 1_700_000_000_000, services: services, orders: .init(list: orders))))
    }

    private func order(_ status: String = "pending", name: String = "Mug", steps: [OrderStep] = []) -> RecentOrder {
        RecentOrder(
            id: "01HF7YAT00", status: status, reason: status == "cancelled" ? "card declined" : nil, total: 12_305,
            currency: "EUR",
            lines: [.init(productID: "mug", name: name, unitPrice: 12_305, quantity: 1, total: 12_305)],
            createdAt: 1_699_999_930_000, steps: steps)
    }

    @Test func itShowsEachInstanceWithItsHealthInWords() throws {
        let service = DashboardSnapshot.Service(
            name: "order",
            instances: [
                .init(id: "order-1", address: "127.0.0.1:4711", health: .up(milliseconds: 3)),
                .init(id: "order-2", address: "127.0.0.1:4712", health: .unready(detail: "shutting down")),
                .init(id: "order-3", address: "127.0.0.1:4713", health: .unreachable(detail: "no answer in 500 ms")),
            ])
        let html = try page([service])
        #expect(html.contains("1 of 3 instances are ready"))
        for text in ["order-1", "127.0.0.1:4711", "ready, 3 ms", "not ready", "shutting down", "no answer in 500 ms"] {
            #expect(html.contains(text), "\(text)")
        }
    }

    @Test func itShowsOrdersAndTheirSagasStepByStep() throws {
        let steps = [
            OrderStep(name: "create", phase: "succeeded", attempts: 1),
            OrderStep(name: "reserve", phase: "compensating", attempts: 1, undoAttempts: 3),
            OrderStep(name: "charge", phase: "failed", attempts: 2),
            OrderStep(name: "confirm", phase: "pending", attempts: 0),
        ]
        let html = try page(orders: [order("cancelled", steps: steps)])
        for text in [
            "123.05 EUR", "1 min ago", "1 × Mug", "card declined", "undoing, 3 tries", "refused, 2 tries", "waiting",
        ] {
            #expect(html.contains(text), "\(text)")
        }
    }

    @Test(arguments: [
        ("15:53:32.756Z", "done in 12 ms"), ("15:53:35.999Z", "done in 3.2 s"), ("15:53:32.000Z", ">done<"),
        ("later", ">done<"),
    ])
    func aStepSaysHowLongItTook(_ end: String, _ text: String) throws {
        let step = OrderStep(
            name: "charge", phase: "succeeded", attempts: 1, startedAt: "2026-11-21T15:53:32.744Z",
            endedAt: "2026-11-21T" + end)
        #expect(try page(orders: [order(steps: [step])]).contains(text))
    }

    @Test func whatOthersWroteStaysText() throws {
        let html = try page(orders: [order(name: "<script>alert(1)</script>{{id}}")])
        #expect(!html.contains("<script>alert"))
        #expect(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;{{id}}"))
    }

    @Test func withoutOrdersOrServicesItSaysSo() throws {
        let html = try page()
        #expect(html.contains("No service has registered yet."))
        #expect(html.contains("No orders yet."))
    }

    @Test func anOrderServiceThatIsAwayDoesNotTakeThePageWithIt() throws {
        let snapshot = DashboardSnapshot(takenAt: 0, services: [], orders: .init(problem: "no instance"))
        let html = try DashboardPage().html(DashboardView(snapshot))
        #expect(html.contains("The order service does not answer: no instance"))
        #expect(!html.contains("No orders yet."))
    }

    @Test func thePolicyAllowsThePagesOwnStyleAndScriptOnly() throws {
        let policy = try #require(DashboardPage.headers.first { $0.name == "Content-Security-Policy" }?.value)
        #expect(policy.contains("default-src 'none'"))
        #expect(policy.contains("script-src 'sha256-"))
        #expect(policy.contains("style-src 'sha256-"))
        #expect(!policy.contains("unsafe"))
        let html = try page()
        #expect(html.contains("<style>\(DashboardTemplate.style)</style>"), "the hash is of exactly this text")
        #expect(html.contains("<script>\(DashboardTemplate.script)</script>"))
        #expect(!html.contains(" style="))
    }

    @Test(arguments: [(0, "0.00 EUR"), (5, "0.05 EUR"), (-205, "−2.05 EUR"), (Int64.max, "92233720368547758.07 EUR")])
    func money(_ minorUnits: Int64, _ text: String) {
        #expect(DashboardView.Order.money(minorUnits, "EUR") == text)
    }
}
