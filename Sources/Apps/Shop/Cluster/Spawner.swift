import ApusChannels
import ApusPrimitives
import Foundation

/// How a process ended, in words.
struct ProcessEnd: Sendable, CustomStringConvertible {
    let status: Int32
    let bySignal: Bool

    var description: String { bySignal ? "was killed by signal \(status)" : "ended with status \(status)" }
}

/// A process that was started.
final class ChildProcess: Sendable {
    let id: Int32
    private let ended: Signal<ProcessEnd>
    private let isOver: Locked<Bool>

    fileprivate init(id: Int32, ended: Signal<ProcessEnd>, isOver: Locked<Bool>) {
        self.id = id
        self.ended = ended
        self.isOver = isOver
    }

    /// Without effect once it has ended.
    func signal(_ number: Int32) {
        isOver.withLock { if !$0 { _ = kill(id, number) } }
    }

    /// How it ended, when it has, whether the caller is cancelled or not.
    func end() async -> ProcessEnd {
        let ended = ended
        return await Task { (try? await ended.value) ?? ProcessEnd(status: 0, bySignal: false) }.value
    }
}

/// Starts processes that end when this one does, even if it is killed.
///
/// The system kills a process when its parent dies, if it was asked to: `setpriv` of util-linux asks, and becomes the
/// program. To Linux the parent is the thread that started it, so one thread starts all of them, and lives as long as the
/// process.
final class Spawner: Sendable {
    private typealias Job = @Sendable () -> Void

    private static let guardian = "/usr/bin/setpriv"

    /// Whether processes end with this one when it is killed.
    static let isGuarding = FileManager.default.isExecutableFile(atPath: guardian)

    /// One at a time for each process that is kept.
    private let jobs = Locked<[Job]>([])
    private let arrived = DispatchSemaphore(value: 0)

    init() {
        let (jobs, arrived) = (jobs, arrived)
        let thread = Thread {
            while true {
                arrived.wait()
                jobs.withLock { $0.isEmpty ? nil : $0.removeFirst() }?()
            }
        }
        thread.name = "shop.spawner"
        thread.start()
    }

    /// - Parameter log: where its output and its errors are added.
    /// - Throws: `StartFailure`.
    func start(_ member: ClusterMember, log: String) async throws -> ChildProcess {
        try await withCheckedThrowingContinuation { continuation in
            jobs.withLock { $0.append { continuation.resume(with: Result { try Self.start(member, log: log) }) } }
            arrived.signal()
        }
    }

    private static func start(_ member: ClusterMember, log: String) throws -> ChildProcess {
        let descriptor = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw StartFailure(description: "\(log) cannot be written: \(String(cString: strerror(errno)))")
        }
        let output = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        let process = Process()
        let isGuarded = isGuarding
        process.executableURL = URL(filePath: isGuarded ? guardian : member.program)
        process.arguments =
            (isGuarded ? ["--pdeathsig", "KILL", "--", member.program] : []) + member.arguments
        process.environment = member.environment
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        let ended = Signal<ProcessEnd>()
        let isOver = Locked(false)
        process.terminationHandler = { process in
            isOver.withLock { $0 = true }
            ended.send(
                ProcessEnd(
                    status: process.terminationStatus, bySignal: process.terminationReason == .uncaughtSignal))
        }
        do {
            try process.run()
        } catch {
            throw StartFailure(description: "\(member.program) cannot be started: \(error.localizedDescription)")
        }
        return ChildProcess(id: process.processIdentifier, ended: ended, isOver: isOver)
    }
}
