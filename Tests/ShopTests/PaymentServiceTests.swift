import ApusPrimitives
import ApusRPC
import ApusResilience
import ApusSQL
import Crypto
import Foundation
import TestSupport
import Testing

@testable import shop

@Suite struct PaymentServiceTests {
    let clock = MovableClock()
    let time = ManualTime()

    func service(tunables: Tunables = .defaults, time: TimeSource? = nil) async throws -> PaymentService {
        PaymentService(
            database: try await Fixtures.database(PaymentService.migrations), vault: Fixtures.vault,
            tunables: tunables, clock: clock.clock, time: time ?? .continuous)
    }

    static func request(
        _ service: PaymentService, _ card: TestCard, order: String = "o1", amount: Int64 = 1000
    ) async throws -> PaymentAPI.ChargeRequest {
        let token = try await service.keep(.init(cardNumber: card.rawValue)).cardToken
        return PaymentAPI.ChargeRequest(
            orderID: order, amount: Money(amount), currency: Money.currency, cardToken: token)
    }

    static func slug(_ body: () async throws -> Void) async throws -> String? {
        try await #require(throws: Problem.self) { try await body() }.slug
    }

    @Test func `charges once, refunds once`() async throws {
        let service = try await service()
        let request = try await Self.request(service, .approves)
        for _ in 0..<3 {
            let charge = try await service.charge(request, token: .init(1))
            #expect(charge.state == .approved)
            #expect(charge.lastFour == "4242")
        }
        #expect(try await service.store.balance() == Money(1000))
        for _ in 0..<3 { #expect(try await service.refund(orderID: "o1", token: .init(1)).state == .refunded) }
        #expect(try await service.store.balance() == .zero)
        let late = try await Self.slug { _ = try await service.charge(request, token: .init(1)) }
        #expect(late == "charge-called-off")
    }

    @Test func `a declined card moves no money`() async throws {
        let service = try await service()
        let request = try await Self.request(service, .declines)
        for _ in 0..<2 {
            let problem = try await #require(throws: Problem.self) {
                try await service.charge(request, token: .init(1))
            }
            #expect(problem.status == 402)
            #expect(problem.slug == "card-declined")
        }
        #expect(try await service.refund(orderID: "o1", token: .init(1)).state == .declined)
        #expect(try await service.store.balance() == .zero)
    }

    @Test func `a card that no bank knows is declined`() async throws {
        let service = try await service()
        let token = try await service.keep(.init(cardNumber: "4111 1111-1111 1111")).cardToken
        let request = PaymentAPI.ChargeRequest(
            orderID: "o1", amount: Money(1), currency: "EUR", cardToken: token)
        #expect(try await Self.slug { _ = try await service.charge(request, token: .init(1)) } == "card-declined")
    }

    @Test func `the bank takes the money and loses its answer: asked again, it charges no second time`() async throws {
        let service = try await service()
        let request = try await Self.request(service, .failsAfterCharging)
        #expect(try await Self.slug { _ = try await service.charge(request, token: .init(1)) } == "bank-silent")
        #expect(try await service.store.balance() == Money(1000))
        #expect(try await service.store.charge(orderID: "o1")?.state == .pending)
        #expect(try await service.charge(request, token: .init(1)).state == .approved)
        #expect(try await service.store.balance() == Money(1000))
    }

    @Test func `money that the bank never owned up to comes back`() async throws {
        let service = try await service()
        let request = try await Self.request(service, .alwaysFailsAfterCharging)
        for _ in 0..<5 {
            #expect(try await Self.slug { _ = try await service.charge(request, token: .init(1)) } == "bank-silent")
        }
        #expect(try await service.store.balance() == Money(1000))
        #expect(try await service.refund(orderID: "o1", token: .init(1)).state == .refunded)
        #expect(try await service.store.balance() == .zero)
    }

    @Test func `a refund before its charge refuses the charge`() async throws {
        let service = try await service()
        #expect(try await service.refund(orderID: "o1", token: .init(1)).state == .cancelled)
        let request = try await Self.request(service, .approves)
        let late = try await Self.slug { _ = try await service.charge(request, token: .init(1)) }
        #expect(late == "charge-called-off")
        #expect(try await service.store.balance() == .zero)
    }

    @Test func `a refund overtakes a slow charge`() async throws {
        let service = try await service(time: time.source)
        let request = try await Self.request(service, .isSlow)
        async let charge = Self.slug { _ = try await service.charge(request, token: .init(1)) }
        try await time.waitForSleepers()
        #expect(try await service.refund(orderID: "o1", token: .init(1)).state == .cancelled)
        time.advance(by: .seconds(3))
        #expect(try await charge == "charge-called-off")
        #expect(try await service.store.balance() == .zero)
    }

    @Test func `a slow charge that is given up takes no money, and may be asked again`() async throws {
        let service = try await service(time: time.source)
        let request = try await Self.request(service, .isSlow)
        let task = Task { try await service.charge(request, token: .init(1)) }
        try await time.waitForSleepers()
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(try await service.store.balance() == .zero)
        async let again = service.charge(request, token: .init(2))
        try await time.waitForSleepers()
        time.advance(by: .seconds(3))
        #expect(try await again.state == .approved)
    }

    @Test func `an old fencing token is refused, also when it became old while the bank was asked`() async throws {
        let service = try await service(time: time.source)
        let request = try await Self.request(service, .isSlow)
        async let paused = Self.slug { _ = try await service.charge(request, token: .init(1)) }
        try await time.waitForSleepers()
        async let successor = service.charge(request, token: .init(2))
        try await time.waitForSleepers(2)
        time.advance(by: .seconds(3))
        #expect(try await paused == "stale-fencing-token")
        #expect(try await successor.state == .approved)
        let stale = try await Self.slug { _ = try await service.refund(orderID: "o1", token: .init(1)) }
        #expect(stale == "stale-fencing-token")
        #expect(try await service.store.balance() == Money(1000))
    }

    @Test func `the bank's line is bounded`() async throws {
        let tunables = Tunables { $0 == PaymentTunable.bankMaxInFlight.key ? 1 : nil }
        let service = try await service(tunables: tunables, time: time.source)
        let slow = try await Self.request(service, .isSlow)
        let other = try await Self.request(service, .approves, order: "o2")
        async let first = service.charge(slow, token: .init(1))
        try await time.waitForSleepers()
        let problem = try await #require(throws: Problem.self) { try await service.charge(other, token: .init(1)) }
        #expect(problem.status == 503)
        #expect(problem.retryAfter == .seconds(1))
        time.advance(by: .seconds(3))
        _ = try await first
        #expect(try await service.charge(other, token: .init(1)).state == .approved)
    }

    @Test func `the amount is part of the order's charge`() async throws {
        let service = try await service()
        let request = try await Self.request(service, .approves)
        _ = try await service.charge(request, token: .init(1))
        let other = try await Self.request(service, .approves, amount: 999)
        #expect(try await Self.slug { _ = try await service.charge(other, token: .init(1)) } == "charge-differs")
    }

    @Test(arguments: ["", "4242", "4242424242424241", "abcd", "4242-4242-4242-424x", "４２４２４２４２４２４２４２４２"])
    func `what is no card number is refused by name`(number: String) async throws {
        let service = try await service()
        let problem = try await #require(throws: Problem.self) {
            try await service.keep(.init(cardNumber: number))
        }
        #expect(problem.status == 422)
        #expect(problem.extensions["field"] == "card_number")
        #expect(number.isEmpty || !problem.description.contains(number))
    }

    @Test func `a card token ends`() async throws {
        let service = try await service()
        let request = try await Self.request(service, .approves)
        clock.advance(seconds: 3600)
        #expect(try await Self.slug { _ = try await service.charge(request, token: .init(1)) } == "unknown-card-token")
        #expect(try await service.sweep() == 1)
        #expect(try await service.sweep() == 0)
    }

    @Test(
        arguments: [(0, "EUR", "amount"), (-1, "EUR", "amount"), (.max, "EUR", "amount"), (5, "USD", "currency")]
            as [(Int64, String, String)])
    func `a wrong field is named`(amount: Int64, currency: String, field: String) async throws {
        let service = try await service()
        let problem = try await #require(throws: Problem.self) {
            try await service.charge(
                .init(orderID: "o1", amount: Money(amount), currency: currency, cardToken: "x"), token: .init(1))
        }
        #expect(problem.extensions["field"] == .string(field))
    }

    /// Charges, refunds, retries and lost answers in random order: the ledger never goes below zero for an order, and
    /// at the end, everything refunded, it is empty.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func `random histories keep the ledger`(seed: UInt64) async throws {
        let service = try await service()
        var random = SeededRandom(seed: seed)
        var requests: [PaymentAPI.ChargeRequest] = []
        let cards: [TestCard] = [.approves, .declines, .failsAfterCharging, .alwaysFailsAfterCharging]
        for order in 0..<10 {
            requests.append(try await Self.request(service, cards.randomElement(using: &random)!, order: "o\(order)"))
        }
        for _ in 0..<300 {
            let request = requests.randomElement(using: &random)!
            let token = FencingToken(Int64.random(in: 0..<3, using: &random))
            if Int.random(in: 0..<3, using: &random) > 0 {
                _ = try? await service.charge(request, token: token)
            } else if Int.random(in: 0..<4, using: &random) == 0 {
                _ = try? await service.refund(orderID: request.orderID, token: token)
            }
            let balance = try await service.store.balance(of: request.orderID)
            let state = try await service.store.charge(orderID: request.orderID)?.state
            switch state {
            case .approved: #expect(balance == Money(1000))
            case .declined, .refunded, .cancelled, nil: #expect(balance == .zero)
            case .pending: #expect(balance == Money(1000))
            }
        }
        for request in requests { _ = try await service.refund(orderID: request.orderID, token: .init(9)) }
        #expect(try await service.store.balance() == .zero)
    }
}

@Suite struct CardVaultTests {
    @Test func `a card number never shows`() throws {
        let number = try #require(CardNumber("4242 4242 4242 4242"))
        #expect("\(number)" == "card ending in 4242")
        var dumped = ""
        dump(number, to: &dumped)
        #expect(!dumped.contains("424242"))
        #expect(!String(reflecting: number).contains("424242"))
    }

    @Test func `sealed for one token, opened with it only`() throws {
        let vault = Fixtures.vault
        let number = try #require(CardNumber("4242424242424242"))
        let sealed = try vault.seal(number, for: "a")
        #expect(try vault.open(sealed, for: "a") == number)
        #expect(throws: (any Error).self) { try vault.open(sealed, for: "b") }
        #expect(throws: (any Error).self) { try CardVault(key: SymmetricKey(size: .bits256)).open(sealed, for: "a") }
        #expect(try vault.seal(number, for: "a") != sealed)
        #expect(vault.fingerprint(number) == vault.fingerprint(number))
    }

    @Test func `instances that start together share one key file`() async throws {
        let folder = try TemporaryDirectory()
        let path = folder.file("payment.key")
        let keys = try await withThrowingTaskGroup(of: SymmetricKey.self) { group in
            for _ in 0..<8 { group.addTask { try CardVault.loadOrCreateKey(path: path) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(keys.allSatisfy { $0 == keys[0] })
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 1)
        try Data([1, 2]).write(to: folder.url.appending(path: "payment.key"))
        #expect(throws: CardVault.KeyFileError.self) { try CardVault.loadOrCreateKey(path: path) }
    }
}
