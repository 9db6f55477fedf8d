import ApusEtcdAPI
import ApusGRPC
import Foundation
import SwiftProtobuf

extension TestMember {
    func put(_ key: String, _ value: String, lease: Int64 = 0) async throws -> EtcdPutResponse {
        try await call(
            "\(EtcdService.kv)/Put",
            EtcdPutRequest.with {
                $0.key = Data(key.utf8)
                $0.value = Data(value.utf8)
                $0.lease = lease
            })
    }

    func range(_ key: String, end: String = "", _ adjust: (inout EtcdRangeRequest) -> Void = { _ in }) async throws
        -> EtcdRangeResponse
    {
        var request = EtcdRangeRequest()
        request.key = Data(key.utf8)
        request.rangeEnd = Data(end.utf8)
        adjust(&request)
        return try await call("\(EtcdService.kv)/Range", request)
    }

    func value(_ key: String) async throws -> String? {
        try await range(key).kvs.first.map { String(decoding: $0.value, as: UTF8.self) }
    }
}
