import ApusEtcdAPI
import ApusGRPC
import Foundation
import SwiftProtobuf
import TestSupport
import Testing

@testable import ApusEtcd

@Suite struct EtcdClientTests {
    @Test func aValueThatWasPutIsRead() async throws {
        let server = try await EtcdServer(.etcd())
        try await EtcdClient.with(server.endpoints) { client in
            let put = try await client.put(
                .with {
                    $0.key = Data("key".utf8)
                    $0.value = Data("value".utf8)
                })
            let response = try await client.range(.with { $0.key = Data("key".utf8) })
            #expect(response.kvs.map(\.value) == [Data("value".utf8)])
            #expect(response.header.revision == put.header.revision)
        }
    }
}
