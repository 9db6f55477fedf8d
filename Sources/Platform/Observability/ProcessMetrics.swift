import Foundation

/// What Prometheus expects of every process, read from /proc; only the CPU time where there is no /proc.
struct ProcessMetrics: Sendable {
    private let startTimeSeconds: Double?

    init() {
        startTimeSeconds = Self.startTime()
    }

    func write(to text: inout String) {
        gauge(
            "process_cpu_seconds_total", "counter", "User and system CPU time spent in seconds.", Self.cpuSeconds(),
            &text)
        gauge("process_max_fds", "gauge", "Maximum number of open file descriptors.", Self.maxOpenFiles(), &text)
        gauge("process_open_fds", "gauge", "Number of open file descriptors.", Self.openFiles(), &text)
        let memory = Self.memory()
        gauge(
            "process_resident_memory_bytes", "gauge", "Resident memory size in bytes.", memory?.resident, &text)
        gauge(
            "process_start_time_seconds", "gauge", "Start time of the process since the Unix epoch in seconds.",
            startTimeSeconds, &text)
        gauge("process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes.", memory?.virtual, &text)
    }

    private func gauge(_ name: String, _ type: String, _ help: String, _ value: Double?, _ text: inout String) {
        guard let value else { return }
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n\(name) \(MetricName.number(value))\n"
    }

    static func cpuSeconds() -> Double? {
        var time = timespec()
        guard clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0 else { return nil }
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    static func memory() -> (virtual: Double, resident: Double)? {
        guard let fields = read("/proc/self/statm")?.split(separator: " "), fields.count >= 2,
            let virtual = Double(fields[0]), let resident = Double(fields[1])
        else { return nil }
        let page = Double(sysconf(Int32(_SC_PAGESIZE)))
        return (virtual * page, resident * page)
    }

    /// Less the one that the counting itself opens.
    static func openFiles() -> Double? {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd") else { return nil }
        return Double(max(0, names.count - 1))
    }

    static func maxOpenFiles() -> Double? {
        let limit = sysconf(Int32(_SC_OPEN_MAX))
        return limit < 0 ? nil : Double(limit)
    }

    /// Field 22 of `stat` counts clock ticks since the machine started (proc(5)).
    private static func startTime() -> Double? {
        guard let stat = read("/proc/self/stat"), let name = stat.lastIndex(of: ")"),
            let machine = read("/proc/stat")?.split(separator: "\n").first(where: { $0.hasPrefix("btime ") }),
            let booted = Double(machine.dropFirst(6))
        else { return nil }
        let fields = stat[stat.index(after: name)...].split(separator: " ")
        guard fields.count > 19, let ticks = Double(fields[19]) else { return nil }
        return booted + ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    private static func read(_ path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = fread(&chunk, 1, chunk.count, file)
            if count == 0 { break }
            bytes += chunk[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
