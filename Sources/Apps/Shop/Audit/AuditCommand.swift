import ArgumentParser
import Foundation

struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Check the books of a data folder.",
        discussion: """
            Reads what every service has written down, without changing it, and checks that the books agree: \
            stock and sales make the initial stock, the money kept is the money of the confirmed orders (order by \
            order too), every order has an end, every reservation an owner, every saga is finished, no \
            Idempotency-Key has two orders, no cart is lost.

            Stop the shop first: while it runs, orders are on their way and the books disagree for good reason, so \
            this refuses. After a crash it may be run at once, and will name the orders that the next start finishes.

            Exits with 0 when the books are right, 1 when they are wrong, 2 when they cannot be read: there is no such \
            folder, a shop runs on it, or a file is damaged beyond reading. 64 for a wrong flag.
            """)

    @Option(
        help: ArgumentHelp(
            "The data folder.", discussion: "Environment: SHOP_DATA. Default: ./shop-data.", valueName: "folder"))
    var data: String?

    /// The most findings that are printed, each on a line.
    static let maxPrinted = 1000

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        let settings = try RunSettings(
            flags: .init(data: data), environment: environment.filter { $0.key == "SHOP_DATA" })
        let books: Books
        do {
            books = try await Books(await AuditCopy(of: settings.data))
        } catch {
            StandardError.print("shop audit: \(error)")
            throw ExitCode(2)
        }
        print("The books of \(settings.data.path(percentEncoded: false))\n\n\(books.report)")
        let findings = books.discrepancies()
        guard !findings.isEmpty else {
            print("The books are right.")
            return
        }
        print(findings.count == 1 ? "The books are wrong:" : "The books are wrong in \(findings.count) places:")
        for finding in findings.prefix(Self.maxPrinted) { print("  \(finding)") }
        if findings.count > Self.maxPrinted { print("  … and \(findings.count - Self.maxPrinted) more") }
        throw ExitCode(1)
    }
}
