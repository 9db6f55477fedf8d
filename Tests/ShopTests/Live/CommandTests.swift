import ApusSQL
import Foundation
import TestSupport
import Testing

@testable import shop

extension LiveTests {
    /// What an operator sees when something is not as it should be: a line that names it, and the right exit status.
    struct CommandTests {
        @Test(.timeLimit(.minutes(2)))
        func aFolderInUseIsRefusedToShopsAndAudits() async throws {
            let shop = try await LiveShop()
            try await shop.start()
            let second = try await LiveShop.run(["run", "--port", "0", "--data", shop.data])
            #expect(second.status == 1)
            #expect(second.output.hasPrefix("shop: another shop runs on the data folder \(shop.data)"))
            #expect(second.output.contains("--data"))
            let early = try await shop.audit()
            #expect(early.status == 2)
            #expect(early.output.contains("a shop runs on \(shop.data)/ (process "), "\(early.output)")
            #expect(early.output.contains("stop it first"))

            let taken = try await LiveShop.run(["run", "--port", String(shop.port), "--data", shop.data + "-2"])
            #expect(taken.status == 1)
            #expect(taken.output.hasPrefix("shop: port \(shop.port) on 127.0.0.1 is in use"))
            #expect(try await shop.stop() == 0, "\(shop.log)")
            let audit = try await shop.audit()
            #expect(audit.status == 0, "\(audit.output)")

            try await spoilLedger(shop.data)
            let wrong = try await shop.audit()
            #expect(wrong.status == 1)
            #expect(wrong.output.contains("charge GHOST: moved \(Int64.max) for an order that is not there"))

            try Data("this is no database".utf8).write(to: URL(filePath: shop.data + "/order.db"))
            let damaged = try await shop.audit()
            #expect(damaged.status == 2)
            #expect(damaged.output.contains("order.db cannot be opened"), "\(damaged.output)")
            let refused = try await LiveShop.run(["run", "--port", "0", "--data", shop.data])
            #expect(refused.status == 1)
            #expect(refused.output.contains("\(shop.data)/order.db cannot be opened"), "\(refused.output)")
        }

        /// Two rows whose sum 64 bits do not hold, as somebody with a database shell could write them.
        private func spoilLedger(_ data: String) async throws {
            let database = try SQLiteDatabase(path: data + "/payment.db")
            try await database.transaction { connection in
                for id in ["GHOST", "GHOST-2"] {
                    try connection.execute(
                        """
                        INSERT INTO ledger (id, order_id, kind, amount, currency, created_at)
                        VALUES (\(id), \(id), 'charge', \(Int64.max), 'EUR', 0)
                        """)
                }
            }
            database.close()
        }

        @Test(
            arguments: [
                (
                    ["run", "--port", "0", "--data", "FILE"], 1,
                    "shop: the data folder FILE/ cannot be made: it is a file"
                ),
                (["run", "--port", "0", "--data", "FILE/x"], 1, "cannot be made: Not a directory"),
                (["run", "--port", "0", "--data", "/proc/none"], 1, "the data folder /proc/none/ cannot be made"),
                (["run", "--bogus"], 64, "Unknown option '--bogus'"),
                (["frobnicate"], 64, "Unexpected argument 'frobnicate'"),
                (["run", "--port", "http"], 64, "--port: 'http' is not a port"),
                (
                    ["run", "--host", "no.such.host.invalid", "--port", "0"], 1,
                    "cannot listen on no.such.host.invalid:0"
                ),
                (["audit", "--data", "FILE"], 2, "there is no folder FILE"),
                (["audit", "--data", "/nowhere"], 2, "there is no folder /nowhere"),
                (["audit", "--data", "/proc"], 2, "is not the data folder of a whole shop: it has no user.db"),
                (["audit", "--bogus"], 64, "Unknown option '--bogus'"),
            ] as [([String], Int32, String)])
        func mistakesAreNamed(_ arguments: [String], _ status: Int32, _ message: String) async throws {
            let folder = try TemporaryDirectory()
            let file = folder.file("file")
            try Data().write(to: URL(filePath: file))
            let result = try await LiveShop.run(arguments.map { $0.replacing("FILE", with: file) })
            #expect(result.status == status)
            #expect(result.output.contains(message.replacing("FILE", with: file)), "\(result.output)")
        }
    }
}
