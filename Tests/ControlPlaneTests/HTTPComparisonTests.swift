import Foundation
import NIOCore
import TestSupport
import Testing

@testable import ApusControlPlane

/// The same requests to a real etcd 3.5.1 and to a member: the same statuses, headers that matter, and JSON.
@Suite("HTTP beside a real etcd", .timeLimit(.minutes(2))) struct HTTPComparisonTests {
    struct Case: Sendable, CustomStringConvertible {
        var method = "POST"
        var path: String
        var body = ""
        var headers = ""
        /// Whether the text of the error is ours.
        var ownWords = false

        var description: String { "\(method) \(path) \(body)" }

        var request: String {
            "\(method) \(path) HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(body.utf8.count)\r\n"
                + "\(headers)Connection: close\r\n\r\n\(body)"
        }
    }

    static let pages: [Case] = [
        Case(method: "GET", path: "/version"), Case(method: "GET", path: "/health"),
        Case(method: "GET", path: "/health?serializable=true"), Case(method: "GET", path: "/health?exclude=NOSPACE"),
        Case(path: "/health"), Case(method: "HEAD", path: "/health"), Case(path: "/version"),
        Case(method: "GET", path: "/"), Case(method: "GET", path: "/foo"), Case(method: "GET", path: "/v3/foo"),
        Case(path: "/v3/foo"), Case(method: "GET", path: "/v3/kv/range"), Case(method: "PUT", path: "/v3/kv/range"),
        Case(path: "/v3/kv/range/"), Case(path: "/v3alpha/kv/range", body: "{}"), Case(path: "/v2/keys"),
        Case(method: "OPTIONS", path: "/v3/kv/range"), Case(method: "GET", path: "/version/"),
    ]

    static let keys: [Case] = [
        Case(path: "/v3/kv/put", body: #"{"key":"Zm9v","value":"YmFy"}"#),
        Case(path: "/v3/kv/range", body: #"{"key":"Zm9v"}"#), Case(path: "/v3beta/kv/range", body: #"{"key":"Zm9v"}"#),
        Case(path: "/v3/kv/put", body: #"{"key":"Zm9v","value":"Yg==","prev_kv":true}"#),
        Case(path: "/v3/kv/put", body: #"{"key":"Zm9w","value":"Yg==","prevKv":true}"#),
        Case(path: "/v3/kv/range", body: #"{"key":"Zm9v","limit":"5"}"#),
        Case(path: "/v3/kv/range", body: #"{"key":"AA==","range_end":"AA==","limit":1,"sort_order":"DESCEND"}"#),
        Case(path: "/v3/kv/range", body: #"{"key":"AA==","range_end":"AA==","sort_order":1,"sort_target":"VALUE"}"#),
        Case(path: "/v3/kv/range", body: #"{"key":"AA==","range_end":"AA==","count_only":true}"#),
        Case(path: "/v3/kv/range", body: #"{"key":"AA==","range_end":"AA==","keys_only":true,"serializable":true}"#),
        Case(path: "/v3/kv/range", body: #"{"key":"Zm9v","revision":100}"#), Case(path: "/v3/kv/range", body: ""),
        Case(path: "/v3/kv/range", body: "{}"), Case(path: "/v3/kv/range", body: "null"),
        Case(path: "/v3/kv/range", body: #"{"nope":"!!"}"#), Case(path: "/v3/kv/range", body: #"{"key":"Zm9v"}x"#),
        Case(path: "/v3/kv/put", body: #"{"key":""}"#),
        Case(path: "/v3/kv/put", body: #"{"key":"Zm9v","lease":"7"}"#),
        Case(
            path: "/v3/kv/txn",
            body: #"""
                {"compare":[{"key":"Zm9v","target":"VERSION","result":"GREATER","version":"1"}],
                "success":[{"request_put":{"key":"Zm9v","value":"Yw=="}},{"request_range":{"key":"Zm9v"}},
                {"request_txn":{"success":[{"request_delete_range":{"key":"Zm9w","prev_kv":true}}]}}],
                "failure":[{"requestRange":{"key":"Zm9v"}}]}
                """#),
        Case(path: "/v3/kv/deleterange", body: #"{"key":"Zm9v","prev_kv":true}"#),
        Case(path: "/v3/kv/compaction", body: #"{"revision":"2"}"#),
        Case(path: "/v3/kv/compaction", body: #"{"revision":"2"}"#),
        Case(path: "/v3/kv/range", body: #"{"key":"Zm9v","revision":1}"#),
        Case(path: "/v3/kv/range", body: #"{"key":"Zm9v"}"#, headers: "Authorization: x\r\n"),
        Case(path: "/v3/kv/range", body: #"{"key":"Zm9v"}"#, headers: "Grpc-Metadata-Token: x\r\n"),
        Case(path: "/v3/kv/range", body: "{bad"), Case(path: "/v3/kv/range", body: "[]"),
        Case(path: "/v3/kv/range", body: "5"), Case(path: "/v3/kv/range", body: #"{"key":5}"#, ownWords: true),
        Case(path: "/v3/kv/range", body: #"{"key":"!!"}"#, ownWords: true),
        Case(path: "/v3/kv/range", body: #"{"limit":"x"}"#, ownWords: true),
        Case(path: "/v3/kv/range", body: #"{"sort_order":"x"}"#, ownWords: true),
        Case(path: "/v3/kv/range?key=Zm9v", body: "x=1", headers: "Content-Type: text/plain\r\n"),
    ]

    @Test("Pages and keys") func compare() async throws {
        try await Self.compare(Self.pages + Self.keys)
    }

    static func compare(_ cases: [Case]) async throws {
        let etcd = try await EtcdServer(.etcd())
        let peerURL = etcd.members[0].peerURL
        let token = etcd.folder.url.lastPathComponent
        // The same name, peer URL and token give the same IDs in every header; the peer port stays etcd's.
        try await TestCluster.with { settings in
            settings.name = etcd.members[0].name
            settings.clusterToken = token
            settings.initialCluster = [.init(name: settings.name, peerURL: peerURL)]
            settings.initialAdvertisePeerURLs = [peerURL]
        } _: { members in
            let port = try #require(try await members[0].server.clientAddress.port)
            try await eventually {
                try await RawConnection.exchange(Case(method: "GET", path: "/health").request, port: port).status == 200
            }
            for item in cases {
                let isHead = item.method == "HEAD"
                let theirs = try await exchange(item, port: etcd.members[0].clientPort, isHead)
                let ours = try await exchange(item, port: port, isHead)
                #expect(ours.status == theirs.status, "\(item): \(ours.bodyText) instead of \(theirs.bodyText)")
                for name in ["Content-Type", "Allow", "Access-Control-Allow-Origin", "Grpc-Metadata-Content-Type"] {
                    // Go leaves the type of nothing out.
                    if name == "Content-Type", theirs.body.isEmpty { continue }
                    #expect(ours.header(name) == theirs.header(name), "\(item)")
                }
                try compare(ours, theirs, item)
            }
        }
    }

    private static func exchange(_ item: Case, port: Int, _ isHead: Bool) async throws -> RawResponse {
        let connection = try await RawConnection.connect(port: port)
        try await connection.send(item.request)
        let response = try await connection.response(isHead: isHead)
        await connection.close()
        return response
    }

    private static func compare(_ ours: RawResponse, _ theirs: RawResponse, _ item: Case) throws {
        guard theirs.header("Content-Type") == "application/json" else {
            #expect(ours.bodyText == theirs.bodyText, "\(item)")
            return
        }
        let (ourJSON, theirJSON) = (try json(ours, item), try json(theirs, item))
        #expect(ourJSON == theirJSON, "\(item)")
    }

    /// Without what may differ: how many elections there were, and words that are our own.
    private static func json(_ response: RawResponse, _ item: Case) throws -> NSDictionary {
        let object = try JSONSerialization.jsonObject(with: Data(response.body))
        var members = try #require(object as? [String: Any], "\(item): \(response.bodyText)")
        if var header = members["header"] as? [String: Any] {
            #expect(header.removeValue(forKey: "raft_term") is String, "\(item)")
            members["header"] = header
        }
        if item.ownWords {
            #expect(members["error"] as? String == members["message"] as? String)
            members["error"] = nil
            members["message"] = nil
        }
        return members as NSDictionary
    }
}
