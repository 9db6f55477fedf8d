import ApusEtcdAPI
import ApusGRPC
import ApusKV
import Foundation
import NIOCore
import SwiftProtobuf
import TestSupport
import Testing

@testable import ApusControlPlane

@Suite("Watch service") struct WatchServiceTests {
    @Test("A watch says that it was created before it shows anything, and then shows everything in order")
    func order() async throws {
        try await TestCluster.with { members in
            let member = members[0]
            for value in 1...3 { _ = try await member.put("a", "\(value)") }
            try await member.watch { watch in
                try await watch.create("a") { $0.startRevision = 2 }
                let created = try await watch.next()
                #expect(created.created && created.events.isEmpty && created.watchID == 0)
                #expect(created.header.revision == 4)
                for value in 4...50 { _ = try await member.put("a", "\(value)") }
                #expect(try await watch.events(50).map(\.text) == (1...50).map { "a=\($0)" })
            }
        }
    }

    @Test("IDs: the server counts from 0, a chosen one may be used once, and is free when it was cancelled")
    func ids() async throws {
        try await TestCluster.with { members in
            try await members[0].watch { watch in
                try await watch.create("a")
                #expect(try await watch.next().watchID == 0)
                try await watch.create("b") { $0.watchID = 1 }
                #expect(try await watch.next().watchID == 1)
                try await watch.create("c")
                #expect(try await watch.next().watchID == 2)
                try await watch.create("d") { $0.watchID = 1 }
                let refused = try await watch.next()
                #expect(refused.created && refused.canceled && refused.watchID == -1)
                #expect(refused.cancelReason == "mvcc: duplicate watch ID provided on the WatchStream")
                try await watch.cancel(1)
                let cancelled = try await watch.next()
                #expect(cancelled.canceled && !cancelled.created && cancelled.watchID == 1)
                try await watch.create("d") { $0.watchID = 1 }
                #expect(try await watch.next().created)
                try await watch.create("z", end: "a")
                #expect(try await watch.next().cancelReason == "mvcc: watcher range is empty")
            }
        }
    }

    @Test("Filters, previous values, and a start in the future")
    func options() async throws {
        try await TestCluster.with { members in
            let member = members[0]
            try await member.watch { watch in
                try await watch.create("a") {
                    $0.filters = [.noput]
                    $0.prevKv = true
                }
                try await watch.create("a") { $0.startRevision = 4 }
                _ = try await (watch.next(), watch.next())
                _ = try await member.put("a", "1")
                _ = try await member.put("a", "2")
                let deleted: EtcdDeleteRangeResponse = try await member.call(
                    "\(EtcdService.kv)/DeleteRange", EtcdDeleteRangeRequest.with { $0.key = Data("a".utf8) })
                #expect(deleted.deleted == 1)
                let responses = try await [watch.next(), watch.next()].sorted { $0.watchID < $1.watchID }
                #expect(responses.map { $0.events.map(\.text) } == [["-a"], ["-a"]])
                #expect(responses[0].events[0].prevKv.value == Data("2".utf8))
                #expect(!responses[1].events[0].hasPrevKv)
            }
        }
    }

    @Test("Compacted history: the watch is created, then cancelled with the revision from which there is one")
    func compacted() async throws {
        try await TestCluster.with { members in
            let member = members[0]
            for value in 1...5 { _ = try await member.put("a", "\(value)") }
            let _: EtcdCompactionResponse = try await member.call(
                "\(EtcdService.kv)/Compact", EtcdCompactionRequest.with { $0.revision = 5 })
            try await member.watch { watch in
                try await watch.create("a") { $0.startRevision = 2 }
                let created = try await watch.next()
                #expect(created.created && !created.canceled)
                let cancelled = try await watch.next()
                #expect(cancelled.canceled && cancelled.compactRevision == 5 && cancelled.watchID == created.watchID)
                try await watch.create("a") { $0.startRevision = 5 }
                #expect(try await watch.next().created)
                #expect(try await watch.events(2).map(\.text) == ["a=4", "a=5"])
            }
        }
    }

    @Test("Progress: of all watches when asked for, and of each after an interval without events")
    func progress() async throws {
        try await TestCluster.with(members: 1, { $0.watchProgressInterval = .milliseconds(100) }) { members in
            let member = members[0]
            try await member.watch { watch in
                try await watch.askProgress()
                let none = try await watch.next()
                #expect(none.watchID == -1 && none.events.isEmpty)
                try await watch.create("a")
                _ = try await watch.next()
                let put = try await member.put("b", "1")
                try await watch.askProgress()
                let asked = try await watch.next()
                #expect(asked.watchID == -1 && asked.header.revision >= put.header.revision)
                // Each question has its answer.
                for _ in 0..<3 { try await watch.askProgress() }
                for _ in 0..<3 { #expect(try await watch.next().watchID == -1) }
                try await watch.create("c") { $0.progressNotify = true }
                #expect(try await watch.next().created)
                let told = try await watch.next()
                #expect(told.watchID == 1 && told.events.isEmpty && told.header.revision >= put.header.revision)
            }
        }
    }

    @Test("A response over the limit comes in fragments, the last of which says so")
    func fragments() async throws {
        try await TestCluster.with { members in
            let member = members[0]
            let value = String(repeating: "x", count: 70 << 10)
            let puts = (0..<20).map { number in
                EtcdRequestOp.with {
                    $0.requestPut.key = Data("k\(number)".utf8)
                    $0.requestPut.value = Data(value.utf8)
                }
            }
            let request = EtcdTxnRequest.with { $0.success = puts }
            try await member.watch { watch in
                try await watch.create("k", end: "l") {
                    $0.fragment = true
                    $0.prevKv = true
                }
                _ = try await watch.next()
                let _: EtcdTxnResponse = try await member.call("\(EtcdService.kv)/Txn", request)
                #expect(try await watch.next().events.count == 20)
                // With the values before, the same is over 2 MiB.
                let _: EtcdTxnResponse = try await member.call("\(EtcdService.kv)/Txn", request)
                let first = try await watch.next()
                let second = try await watch.next()
                #expect(first.fragment && !second.fragment)
                #expect(first.events.count + second.events.count == 20 && !second.events.isEmpty)
                let bytes: [UInt8] = try first.serializedBytes()
                #expect(bytes.count < 2 << 20)
            }
        }
    }

    @Test("A watcher that does not read holds nobody up, costs a bounded amount, and gets everything when it reads")
    func slow() async throws {
        try await TestCluster.with { members in
            let member = members[0]
            let value = String(repeating: "v", count: 32 << 10)
            try await member.watch { slow in
                try await slow.create("a")
                _ = try await slow.next()
                try await member.watch { fast in
                    try await fast.create("a")
                    _ = try await fast.next()
                    for _ in 0..<200 {
                        _ = try await member.put("a", value)
                        #expect(try await fast.events(1).count == 1)
                    }
                }
                let revisions = try await slow.events(200).map(\.kv.modRevision)
                #expect(revisions == Array(2...201))
            }
        }
    }

    @Test("Watches of a stream that ends are forgotten")
    func ends() async throws {
        try await TestCluster.with { members in
            let member = members[0]
            let hub = try await member.server.core.watches
            try await member.watch { watch in
                for _ in 0..<10 { try await watch.create("a") }
                for _ in 0..<10 { _ = try await watch.next() }
            }
            try await eventually {
                try await hub.eventLoop.submit { hub.watchCount == 0 && hub.streamCount == 0 }.get()
            }
        }
    }
}
