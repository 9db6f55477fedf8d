import ApusEtcdAPI
import ApusGRPC
import ApusPrimitives
import ApusResilience
import Foundation
import NIOCore
import SwiftProtobuf
import TestSupport
import Testing

/// A real `apus server` that one client uses as it should while others do not.
struct AttackedServer {
    static let mebibyte = 1 << 20

    let server: EtcdServer
    let port: Int
    let peerPort: Int
    let metricsPort: Int

    /// Starts a member, lets `attack` do its worst, and checks that the member lives, that the witness noticed nothing, and that the
    /// resident memory grew by no more than `growthMebibytes`, at its highest and after a first use that fills pools and caches.
    @discardableResult
    static func with(
        _ name: String, flags: [String] = [], growthMebibytes bound: Int,
        _ attack: (AttackedServer) async throws -> Void
    ) async throws -> Int {
        let metrics = try await freePorts(1)[0]
        let server = try await EtcdServer(
            .apus(), flags: ["--listen-metrics-urls", "http://127.0.0.1:\(metrics)", "--log-level", "error"] + flags)
        let process = server.members[0]
        let peerPort = try #require(Int(process.peerURL.split(separator: ":").last ?? ""))
        let attacked = AttackedServer(
            server: server, port: process.clientPort, peerPort: peerPort, metricsPort: metrics)
        let witness = try Witness(port: process.clientPort)
        try await witness.warmUp()
        let before = try attacked.residentBytes()
        let memory = MemoryWatch(processID: process.processID)
        let report = try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await witness.run() }
            group.addTask { await memory.run() }
            try await attack(attacked)
            witness.stop()
            memory.stop()
            try await group.waitForAll()
            return witness.report
        }
        await witness.close()
        let after = try attacked.residentBytes()
        let growth = (max(memory.highest, after) - before) / mebibyte
        print(
            "bad input, \(name): resident MiB \(before / mebibyte) before, \(memory.highest / mebibyte) at most, "
                + "\(after / mebibyte) after; witness: \(report)")
        #expect(process.isRunning, "\(process.log.suffix(4_000))")
        #expect(growth <= bound, "\(name): \(growth) MiB more, \(bound) are allowed")
        #expect(report.calls > 0)
        return growth
    }

    func residentBytes() throws -> Int { try Self.residentBytes(of: server.members[0].processID) }

    static func residentBytes(of process: Int32) throws -> Int {
        let words = try String(contentsOfFile: "/proc/\(process)/statm", encoding: .utf8).split(separator: " ")
        return Int(words[1])! * 4_096
    }

    func client(_ change: (inout GRPCClientSettings) -> Void = { _ in }) throws -> GRPCClient {
        try Self.client(port: port, change)
    }

    static func client(
        port: Int, _ change: (inout GRPCClientSettings) -> Void = { _ in }
    ) throws -> GRPCClient {
        var settings = GRPCClientSettings()
        settings.maxReceiveBytes = .max
        change(&settings)
        return try GRPCClient([.host("127.0.0.1", port: port)], settings: settings)
    }
}

/// How much memory a process takes at most while it is watched.
final class MemoryWatch: Sendable {
    private let processID: Int32
    private let state = Locked((highest: 0, isStopped: false))

    init(processID: Int32) {
        self.processID = processID
    }

    var highest: Int { state.withLock { $0.highest } }

    func stop() { state.withLock { $0.isStopped = true } }

    func run() async {
        while !state.withLock({ $0.isStopped }) {
            let bytes = (try? AttackedServer.residentBytes(of: processID)) ?? 0
            state.withLock { $0.highest = max($0.highest, bytes) }
            try? await TimeSource.continuous.sleep(for: .milliseconds(20))
        }
    }
}

/// A client that writes a key and reads it again, over and over: every answer has to be right, and to come.
final class Witness: Sendable {
    struct Report: CustomStringConvertible {
        var calls = 0
        var worst = Duration.zero

        var description: String {
            "\(calls) calls, the slowest in \(worst.formatted(.units(allowed: [.milliseconds])))"
        }
    }

    private struct State {
        var report = Report()
        var isStopped = false
    }

    /// Any call that takes longer fails the test: a member's own bound is shorter.
    static let patience = Duration.seconds(20)

    private let client: GRPCClient
    private let state = Locked(State())

    init(port: Int) throws {
        client = try AttackedServer.client(port: port)
    }

    var report: Report { state.withLock { $0.report } }

    func stop() { state.withLock { $0.isStopped = true } }

    func close() async { await client.stop() }

    func warmUp() async throws {
        for round in 0..<50 { try await check(round) }
        state.withLock { $0.report = Report() }
    }

    func run() async throws {
        var round = 0
        while !state.withLock({ $0.isStopped }) {
            let began = ContinuousClock.now
            try await check(round)
            let took = ContinuousClock.now - began
            state.withLock {
                $0.report.calls += 2
                $0.report.worst = max($0.report.worst, took)
            }
            round += 1
            try? await TimeSource.continuous.sleep(for: .milliseconds(5))
        }
    }

    private func check(_ round: Int) async throws {
        let value = Data("\(round)".utf8)
        let options = GRPCCallOptions(timeout: Self.patience)
        let _: EtcdPutResponse = try await client.unary(
            "\(EtcdService.kv)/Put",
            EtcdPutRequest.with {
                $0.key = Data("witness".utf8)
                $0.value = value
            }, options: options)
        let reply: EtcdRangeResponse = try await client.unary(
            "\(EtcdService.kv)/Range", EtcdRangeRequest.with { $0.key = Data("witness".utf8) }, options: options)
        try #require(reply.kvs.first?.value == value, "the witness reads what it has written")
    }
}

extension SeededRandom {
    mutating func bytes(below count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        let length = Int.random(in: 0..<count, using: &self)
        while bytes.count < length {
            let word = next()
            withUnsafeBytes(of: word) { bytes.append(contentsOf: $0) }
        }
        return bytes
    }
}
