import ApusPrimitives
import Foundation

/// A member of the cluster: its process, which comes and goes, and its disk, which stays.
final class Server: Sendable {
    let number: Int
    let name: String
    private let command: [String]
    private let log: URL
    private let process = Locked<Process?>(nil)
    /// Where its data are: a file system of its own, that can be full.
    let folder: URL
    private let clock: ServerClock

    /// - Parameter generation: counts those that had this number before, and were removed.
    init(_ number: Int, generation: Int, program: [String], cluster: String, isNew: Bool, lab: Lab, work: URL) throws {
        self.number = number
        name = Self.name(number, generation)
        folder = work.appending(path: name)
        log = work.appending(path: "\(name).log")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Shell.run("mount", "-t", "tmpfs", "-o", "size=\(Self.diskBytes)", "tmpfs", folder.path)
        clock = try ServerClock(file: work.appending(path: "\(name).clock"))
        let client = "http://\(Lab.address(number)):2379"
        command =
            lab.entrance(number) + clock.environment + program + [
                "--name", name, "--data-dir", folder.appending(path: "data").path, "--listen-client-urls", client,
                "--advertise-client-urls", client, "--listen-peer-urls", Self.peerURL(number),
                "--initial-advertise-peer-urls", Self.peerURL(number), "--initial-cluster", cluster,
                "--initial-cluster-state", isNew ? "new" : "existing", "--heartbeat-interval", "50",
                "--election-timeout", "500",
            ]
    }

    static let diskBytes = 400 << 20

    static func name(_ number: Int, _ generation: Int) -> String { "m\(number)g\(generation)" }

    static func peerURL(_ number: Int) -> String { "http://\(Lab.address(number)):2380" }

    func start() throws {
        let started = try Shell.start(command, output: log)
        process.withLock { $0 = started }
    }

    var hasEnded: Bool { process.withLock { $0?.isRunning != true } }

    func signal(_ signal: Int32) {
        process.withLock { if let process = $0, process.isRunning { _ = kill(process.processIdentifier, signal) } }
    }

    /// `kill -9`, and waits until it is gone.
    func destroy() {
        signal(SIGKILL)
        process.withLock { $0 }?.waitUntilExit()
    }

    /// Kills it for ever: what it had is gone.
    func discard() {
        destroy()
        // Lazily: one whose last breath is slow would keep its disk, and with it our memory.
        _ = try? Shell.run("umount", "--lazy", folder.path)
    }

    /// Moves the time of day that it sees to so many seconds from everybody's.
    func moveClock(to seconds: Int64) throws { try clock.move(to: seconds) }

    /// The seconds between the time of day that it tells and ours, or nil when it does not tell.
    func clockOffset() -> Int64? {
        guard
            let page = try? Shell.run(
                "curl", "-sI", "-X", "GET", "-m", "2", "http://\(Lab.address(number)):2379/version"),
            let line = page.split(whereSeparator: \.isNewline).first(where: { $0.lowercased().hasPrefix("date: ") })
        else { return nil }
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss zzz"
        return format.date(from: String(line.dropFirst(6))).map { Int64($0.timeIntervalSinceNow.rounded()) }
    }

    /// Takes all the room that the disk has.
    func fillDisk() throws {
        let filler = folder.appending(path: "filler")
        _ = try? Shell.run("dd", "if=/dev/zero", "of=\(filler.path)", "bs=1M")
    }

    func emptyDisk() throws {
        try? FileManager.default.removeItem(at: folder.appending(path: "filler"))
    }

    /// The end of what it said.
    var lastWords: String {
        let text = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").suffix(15).joined(separator: "\n")
    }
}
