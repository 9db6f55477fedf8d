import ApusPrimitives
import Foundation
import TestSupport
import Testing

/// What docs/replicated-state-machine.md does, with real processes that are really killed.
@Suite struct CounterTests {
    @Test(.timeLimit(.minutes(3)))
    func `three processes count on when their leader is killed`() async throws {
        let folder = try TemporaryDirectory()
        let ports = try await freePorts(6)
        let nodes = (1...3).map { "\($0)=127.0.0.1:\(ports[$0 - 1])" }.joined(separator: ",")
        let processes = (1...3).map {
            CounterProcess(id: $0, port: ports[$0 + 2], nodes: nodes, folder: folder)
        }
        for process in processes { try process.start() }
        #expect(try await processes[0].insist("POST", "/add/5", for: "value") == 5)
        for process in processes { #expect(try await process.insist("GET", "/value", for: "value") == 5) }

        let leader = try await processes[1].insist("GET", "/status", for: "leader")
        let killed = processes[leader - 1]
        let others = processes.filter { $0.id != leader }
        try await killed.kill()
        // An answer may be lost with the leader: what was not answered may have been counted.
        var least = 5
        var most = 5
        for _ in 0..<10 {
            let answer = await others[0].ask("POST", "/add/1", for: "value")
            most += 1
            if answer != nil { least += 1 }
        }
        let value = try await others[1].insist("GET", "/value", for: "value")
        #expect((least...most).contains(value))

        try killed.start()
        #expect(try await killed.insist("GET", "/value", for: "value") == value)
        // All at once.
        for process in processes { try await process.kill() }
        for process in processes { try process.start() }
        #expect(try await processes[2].insist("GET", "/value", for: "value") == value)
        for process in processes { try await process.stop() }
    }
}
