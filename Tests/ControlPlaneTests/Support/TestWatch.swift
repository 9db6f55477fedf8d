import ApusEtcdAPI
import ApusGRPC
import Foundation
import SwiftProtobuf

@testable import ApusControlPlane

/// A watch stream in a test.
struct TestWatch: Sendable {
    let call: GRPCClientCall<EtcdWatchRequest, EtcdWatchResponse>

    func create(_ key: String, end: String = "", _ adjust: (inout EtcdWatchCreateRequest) -> Void = { _ in })
        async throws
    {
        var request = EtcdWatchCreateRequest()
        request.key = Data(key.utf8)
        request.rangeEnd = Data(end.utf8)
        adjust(&request)
        try await call.requests.send(.with { $0.createRequest = request })
    }

    func cancel(_ id: Int64) async throws {
        try await call.requests.send(.with { $0.cancelRequest.watchID = id })
    }

    func askProgress() async throws {
        try await call.requests.send(.with { $0.progressRequest = EtcdWatchProgressRequest() })
    }

    func next() async throws -> EtcdWatchResponse {
        try await call.replies.next() ?? EtcdWatchResponse()
    }

    /// So many events, with the responses that they came in.
    func events(_ count: Int) async throws -> [EtcdEvent] {
        var events: [EtcdEvent] = []
        while events.count < count { events += try await next().events }
        return events
    }
}

extension TestMember {
    func watch<Value: Sendable>(_ body: (TestWatch) async throws -> Value) async throws -> Value {
        try await client.bidirectional(
            "\(EtcdService.watch)/Watch", request: EtcdWatchRequest.self, reply: EtcdWatchResponse.self,
            options: GRPCCallOptions(timeout: .seconds(60))
        ) { call in
            let value = try await body(TestWatch(call: call))
            call.finishSending()
            return value
        }
    }
}

extension EtcdEvent {
    var text: String {
        let value = String(decoding: kv.value, as: UTF8.self)
        return type == .delete
            ? "-\(String(decoding: kv.key, as: UTF8.self))" : "\(String(decoding: kv.key, as: UTF8.self))=\(value)"
    }
}
