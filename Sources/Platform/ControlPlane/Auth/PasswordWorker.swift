import ApusEtcdAPI
import ApusPrimitives
import NIOPosix

/// Hashes and checks passwords, off the event loops: each takes tens of milliseconds on purpose.
final class PasswordWorker: Sendable {
    /// At most so many at a time: beyond, callers are told to come back, so that guessing does not fill the memory.
    static let maximumWaiting = 256

    private let cost: Int
    private let waiting = Locked(0)
    /// A hash of nothing that anybody knows: checking a user who is not there takes as long as checking one who is.
    private let nobody: Bytes

    init(cost: Int) {
        self.cost = Bcrypt.costs.contains(cost) ? cost : Bcrypt.defaultCost
        let digits = self.cost < 10 ? "0\(self.cost)" : "\(self.cost)"
        nobody = Bytes("$2a$\(digits)$" + String(repeating: ".", count: 53))
    }

    /// - Throws: `.tooManyRequests`, `.stopped`.
    func hash(_ password: String) async throws(EtcdError) -> Bytes {
        let cost = cost
        return try await run { Bcrypt.hash(password, cost: cost) }
    }

    /// - Parameter hash: nil for a user who is not there, whom no password fits.
    /// - Throws: `.tooManyRequests`, `.stopped`.
    func verify(_ password: String, against hash: Bytes?) async throws(EtcdError) -> Bool {
        let nobody = nobody
        return try await run { Bcrypt.verify(password, against: hash ?? nobody) && hash != nil }
    }

    private func run<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async throws(EtcdError) -> Value {
        let isAdmitted = waiting.withLock { waiting in
            guard waiting < Self.maximumWaiting else { return false }
            waiting += 1
            return true
        }
        guard isAdmitted else { throw .tooManyRequests }
        defer { waiting.withLock { $0 -= 1 } }
        do {
            return try await NIOThreadPool.singleton.runIfActive(work)
        } catch {
            throw .stopped
        }
    }
}
