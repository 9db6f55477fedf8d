import ApusEtcdAPI
import ApusKV
import ApusPrimitives
import Foundation
import NIOCore
import SwiftProtobuf
import Testing

@testable import ApusControlPlane

/// What is encoded by hand is what swift-protobuf encodes.
@Suite("Messages by hand") struct EncodingTests {
    private let header = WireHeader(clusterID: .max, memberID: 1, revision: 300, term: 2)
    private var message: EtcdResponseHeader {
        .with {
            $0.clusterID = .max
            $0.memberID = 1
            $0.revision = 300
            $0.raftTerm = 2
        }
    }

    private func randomKeyValue(_ random: inout SeededRandom) -> KeyValue {
        func bytes(_ limit: Int) -> Bytes {
            Bytes(
                (0..<Int.random(in: 0...limit, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) })
        }
        return KeyValue(
            key: bytes(20), value: bytes(300), createRevision: Revision(.random(in: 0...(1 << 40), using: &random)),
            modRevision: Revision(.random(in: 0...200, using: &random)), version: .random(in: 0...3, using: &random),
            lease: LeaseID(.random(in: -2...2, using: &random)))
    }

    @Test func replies() throws {
        var random = SeededRandom(seed: 7)
        for _ in 0..<500 {
            let kvs = (0..<Int.random(in: 0...4, using: &random)).map { _ in randomKeyValue(&random) }
            let range = RangeResponse(
                revision: Revision(300), kvs: kvs, more: .random(using: &random), count: kvs.count)
            var expected = EtcdRangeResponse(range)
            expected.header = message
            #expect(try EtcdRangeResponse.decoded(KVReplies.range(range, header)) == expected)
            let put = PutResponse(revision: Revision(300), previous: kvs.first)
            var expectedPut = EtcdPutResponse(put)
            expectedPut.header = message
            #expect(try EtcdPutResponse.decoded(KVReplies.put(put, header)) == expectedPut)
            let delete = DeleteRangeResponse(revision: Revision(300), deleted: kvs.count, previous: kvs)
            var expectedDelete = EtcdDeleteRangeResponse(delete)
            expectedDelete.header = message
            #expect(try EtcdDeleteRangeResponse.decoded(KVReplies.delete(delete, header)) == expectedDelete)
        }
    }

    @Test func requests() throws {
        var random = SeededRandom(seed: 8)
        for _ in 0..<500 {
            let kv = randomKeyValue(&random)
            guard !kv.key.isEmpty else { continue }
            let put = PutRequest(
                key: kv.key, value: kv.value, lease: kv.lease, previous: .random(using: &random))
            #expect(
                try ControlCore.putRequest(ByteBuffer(bytes: EtcdPutRequest(put).serializedBytes() as [UInt8])) == put)
            let range = RangeRequest(
                .prefix(kv.key), limit: .random(in: 0...9, using: &random), revision: kv.modRevision,
                sortOrder: [.none, .ascend, .descend].randomElement(using: &random) ?? .none,
                sortTarget: [.key, .value].randomElement(using: &random) ?? .key, keysOnly: .random(using: &random))
            let bytes: [UInt8] = try EtcdRangeRequest(range, serializable: true).serializedBytes()
            let (read, isSerializable) = try ControlCore.rangeRequest(ByteBuffer(bytes: bytes))
            #expect(read == range && isSerializable)
        }
    }

    @Test("Bytes that are no message are refused, whatever they are")
    func garbage() {
        var random = SeededRandom(seed: 9)
        for _ in 0..<2_000 {
            let bytes = (0..<Int.random(in: 1...40, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            let isPut = (try? EtcdPutRequest(serializedBytes: bytes)) != nil
            let read = try? ControlCore.putRequest(ByteBuffer(bytes: bytes))
            #expect(isPut || read == nil)
        }
    }

    @Test func events() throws {
        var random = SeededRandom(seed: 10)
        var encoder = WatchEncoder()
        for _ in 0..<200 {
            let events = (0..<Int.random(in: 1...4, using: &random)).map { _ in
                Event(
                    kind: .put, kv: randomKeyValue(&random),
                    previous: Bool.random(using: &random) ? randomKeyValue(&random) : nil)
            }
            // One change has one content; the numbers of these are drawn by chance.
            encoder.forget()
            let (bytes, rest) = encoder.events(events[...], of: 5, header, fragmentBytes: nil)
            let response = try EtcdWatchResponse.decoded(bytes)
            #expect(rest.isEmpty && response.watchID == 5 && response.header == message)
            #expect(response.events == events.map(EtcdEvent.init))
        }
    }

    @Test("A put and a deletion of one key in one revision are two events")
    func twiceInOneRevision() throws {
        var kv = KeyValue(
            key: "a", value: "1", createRevision: Revision(3), modRevision: Revision(7), version: 2, lease: .none)
        let put = Event(kind: .put, kv: kv)
        kv = KeyValue(
            key: "a", value: "", createRevision: .zero, modRevision: Revision(7), version: 0, lease: .none)
        let events = [put, Event(kind: .delete, kv: kv)]
        var encoder = WatchEncoder()
        let (bytes, _) = encoder.events(events[...], of: 5, header, fragmentBytes: nil)
        #expect(try EtcdWatchResponse.decoded(bytes).events == events.map(EtcdEvent.init))
    }

    @Test("Commands come back as they were")
    func commands() throws {
        let commands: [ControlCommand] = [
            .kv(.put(PutRequest(key: "a", value: "b")), nil),
            .kv(.revoke(LeaseID(7)), Caller(user: "root", authRevision: 3)),
            .member(.publish(9, name: "m", clientURLs: ["http://a:1", "http://b:2"])),
        ]
        for command in commands {
            let bytes = command.encoded()
            #expect(try ControlCommand(decoding: bytes[...]).encoded() == bytes)
            for end in 0..<bytes.count { #expect((try? ControlCommand(decoding: bytes[..<end])) == nil) }
        }
    }
}
