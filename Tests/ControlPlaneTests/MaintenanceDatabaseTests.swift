import ApusKV
import ApusPrimitives
import Foundation
import TestSupport
import Testing

@testable import ApusControlPlane

@Suite struct MaintenanceDatabaseTests {
    /// Small and large values, several levels of pages, deletions, leases, users, an alarm.
    private func machine(keys: Int) throws -> ControlMachine {
        let book = ClusterBook([.init(id: 9, name: "m", peerURLs: ["http://127.0.0.1:1"])])
        var machine = ControlMachine(cluster: book)
        try machine.store.grant(LeaseID(100), ttlSeconds: 1_000, at: .zero)
        for number in 0..<keys {
            let value = Bytes([UInt8](repeating: UInt8(number & 0xFF), count: number % 50 == 0 ? 9_000 : 20))
            _ = try machine.store.put(
                PutRequest(key: Bytes("key/\(number)"), value: value, lease: number % 7 == 0 ? LeaseID(100) : .none))
        }
        if keys > 0 {
            _ = try machine.store.delete(DeleteRangeRequest(.prefix("key/1")))
            try machine.store.compact(at: Revision(Int64(keys / 2)))
        }
        machine.auth = try .enabled()
        try machine.auth.give("u", .read("a", "b"))
        try machine.auth.run(.addUser(name: "cn", passwordHash: "", hasNoPassword: true))
        _ = machine.alarms.apply(.activate(.init(kind: .noSpace, member: 9)))
        return machine
    }

    private func database(_ machine: ControlMachine) throws -> Data {
        let folder = try TemporaryDirectory()
        let path = folder.file("db")
        #expect(FileManager.default.createFile(atPath: path, contents: nil))
        let file = try FileHandle(forWritingTo: URL(filePath: path))
        let size = try MachineDatabase(machine: machine, index: 7, term: 2).write(to: file)
        try file.close()
        let data = try Data(contentsOf: URL(filePath: path))
        #expect(data.count == size)
        return data
    }

    @Test(arguments: [0, 1, 300, 5_000]) func whatIsWrittenIsRead(keys: Int) throws {
        let machine = try machine(keys: keys)
        let read = try DatabaseDecoder.machine(
            from: BoltReader(try database(machine)), cluster: machine.cluster)
        #expect(read.store.revision == machine.store.revision)
        #expect(try read.store.hash() == machine.store.hash())
        #expect(read.store.count == machine.store.count)
        #expect(read.store.keys(attachedTo: LeaseID(100)) == machine.store.keys(attachedTo: LeaseID(100)))
        #expect(read.auth.users == machine.auth.users)
        #expect(read.auth.roles == machine.auth.roles)
        #expect(read.auth.isEnabled && read.auth.revision == machine.auth.revision)
        #expect(read.alarms == machine.alarms)
    }

    @Test func damageIsAnErrorOrAnotherState() throws {
        let machine = try machine(keys: 120)
        let whole = try database(machine)
        var random = SeededRandom(seed: 8)
        for _ in 0..<400 {
            var damaged = whole
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                // The heads of pages, most of the time.
                let page = Int.random(in: 0..<damaged.count / 4_096, using: &random)
                let offset = Int.random(in: 0..<(Bool.random(using: &random) ? 64 : 4_096), using: &random)
                damaged[page * 4_096 + offset] = .random(in: .min ... .max, using: &random)
            }
            if Bool.random(using: &random) {
                damaged = damaged.prefix(Int.random(in: 0...damaged.count, using: &random))
            }
            if let reader = try? BoltReader(damaged) {
                _ = try? DatabaseDecoder.machine(from: reader, cluster: machine.cluster)
            }
        }
    }
}
