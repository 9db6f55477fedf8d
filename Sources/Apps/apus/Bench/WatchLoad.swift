import ApusChannels
import ApusEtcd
import ApusEtcdAPI
import ApusGRPC
import ApusPrimitives
import Foundation
import SwiftProtobuf

/// One writer of a key that many watch: the value tells when it was written.
struct WatchLoad: Sendable {
    let value: Data
    let watchers: Int
    let connections: [EtcdClient]
    private let opened = Locked(0)
    private let delivered = Locked(0)
    private let origin = TimeSource.continuous.now()

    init(value: Data, watchers: Int, connections: [EtcdClient]) {
        (self.value, self.watchers, self.connections) = (value, watchers, connections)
    }

    func run(_ number: Int, for duration: Duration) async throws -> LoadReport {
        let key = Data("watch-\(number)".utf8)
        return try await withThrowingTaskGroup(of: LoadReport.self) { group in
            for (index, connection) in connections.enumerated() {
                let own = (watchers - index + connections.count - 1) / connections.count
                group.addTask { try await follow(connection, key, own) }
            }
            while opened.withLock({ $0 }) < watchers { try await pause() }
            let start = TimeSource.continuous.now()
            let puts = try await write(key, until: start + duration)
            // What is on its way has a moment to come.
            let end = TimeSource.continuous.now() + .seconds(5)
            while delivered.withLock({ $0 }) < puts * watchers, TimeSource.continuous.now() < end { try await pause() }
            let elapsed = TimeSource.continuous.now() - start
            // The empty value ends the watchers.
            _ = try await connections[0].put(.with { $0.key = key })
            var report = LoadReport()
            while let part = try await group.next() { report.merge(part) }
            report.elapsed = elapsed
            report.latencies.sort()
            report.errorCount = puts * watchers - report.latencies.count
            if report.errorCount != 0 { report.firstError = "\(report.errorCount) events are missing" }
            return report
        }
    }

    private func pause() async throws {
        try await TimeSource.continuous.sleep(for: .milliseconds(1))
    }

    private func write(_ key: Data, until end: MonotonicTime) async throws -> Int {
        var puts = 0
        while TimeSource.continuous.now() < end {
            var stamped = value
            let sent = (TimeSource.continuous.now() - origin).nanoseconds
            stamped.replaceSubrange(0..<8, with: withUnsafeBytes(of: sent.bigEndian) { Data($0) })
            var request = EtcdPutRequest()
            (request.key, request.value) = (key, stamped)
            _ = try await connections[0].put(request)
            puts += 1
        }
        return puts
    }

    /// The watchers of one connection, on one stream, until each has seen the empty value.
    private func follow(_ client: EtcdClient, _ key: Data, _ watchers: Int) async throws -> LoadReport {
        try await client.watch { call in
            for _ in 0..<watchers { try await call.requests.send(.with { $0.createRequest.key = key }) }
            var (report, left) = (LoadReport(), watchers)
            while left > 0, let response = try await call.replies.next() {
                if response.created { opened.withLock { $0 += 1 } }
                let now = (TimeSource.continuous.now() - origin).nanoseconds
                for event in response.events {
                    guard event.kv.value.count >= 8 else {
                        left -= 1
                        continue
                    }
                    let sent = event.kv.value.prefix(8).reduce(Int64(0)) { $0 << 8 | Int64($1) }
                    report.latencies.append(now - sent)
                    delivered.withLock { $0 += 1 }
                }
            }
            return report
        }
    }
}
