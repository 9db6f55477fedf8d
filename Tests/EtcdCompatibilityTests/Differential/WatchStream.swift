import ApusEtcdAPI
import ApusGRPC
import ApusPrimitives
import Foundation
import SwiftProtobuf
import TestSupport

/// A watch stream to one server: what came on it, taken apart.
final class WatchStream: Sendable {
    /// What came for one watch id, in order.
    enum Item: Equatable, CustomStringConvertible {
        /// Without its events.
        case control(EtcdWatchResponse)
        case event(EtcdEvent)

        var description: String {
            switch self {
            case .control(let response): "control { \(response.textFormatString()) }"
            case .event(let event): "event { \(event.textFormatString()) }"
            }
        }
    }

    struct Received {
        var items: [Int64: [Item]] = [:]
        /// Answers to requests, by watch; not those that the server makes by itself when it has forgotten.
        var answers: [Int64: Int] = [:]
        var created: EtcdWatchResponse?
        var progress = 0
        /// Answers to creations.
        var creations = 0
        /// The creation that is nothing but a mark: what was asked before it has been answered when this is.
        var mark: Int?
        /// The revision whose events came last, by watch: those of one revision never come in two responses.
        var lastRevision: [Int64: Int64] = [:]
        var breaches: [String] = []
        /// How the stream ended.
        var end: Answer?
        var writer: GRPCMessageWriter<EtcdWatchRequest>?
    }

    /// No watch has it.
    private static let markID: Int64 = 1 << 40

    private let received = Locked(Received())

    private init() {}

    static func open(_ client: GRPCClient, token: String?) -> (stream: WatchStream, task: Task<Void, Never>) {
        let stream = WatchStream()
        var options = GRPCCallOptions()
        if let token { options.metadata.add(token, for: "token") }
        let chosen = options
        return (stream, Task { await stream.follow(client, chosen) })
    }

    private func follow(_ client: GRPCClient, _ options: GRPCCallOptions) async {
        do {
            try await client.bidirectional(
                "\(EtcdService.watch)/Watch", request: EtcdWatchRequest.self, reply: EtcdWatchResponse.self,
                options: options
            ) { call in
                received.withLock { $0.writer = call.requests }
                while let response = try await call.replies.next() { take(response) }
            }
            received.withLock { $0.end = .status(.ok, "") }
        } catch let error as GRPCError {
            received.withLock { $0.end = .status(error.code, error.message) }
        } catch {
            received.withLock { $0.end = .status(.unknown, "\(error)") }
        }
    }

    private func take(_ response: EtcdWatchResponse) {
        received.withLock { received in
            var control = response
            control.events = []
            control.anonymise()
            let id = response.watchID
            if response.created {
                received.creations += 1
                if received.creations == received.mark { return received.mark = nil }
            }
            if response.created, response.canceled, control.cancelReason.hasPrefix("rpc error") {
                // Why nobody may watch that etcd says since 3.6; until then it was "permission denied" whatever it was.
                if Self.refusals.contains(control.cancelReason) { control.cancelReason = Self.refusals[0] }
            }
            if response.events.isEmpty {
                if response.compactRevision != 0, !response.created {
                    // Counted by whoever knows that it must come.
                } else if response.created || response.canceled {
                    received.answers[id, default: 0] += 1
                    if response.created { received.created = response }
                } else {
                    received.progress += 1
                }
                received.items[id, default: []].append(.control(control))
                if response.created { received.lastRevision[id] = nil }
                return
            }
            // Etcd says in the header how far it was when it sent; with several writers that is not defined.
            let revisions = response.events.map(\.kv.modRevision)
            if let first = revisions.first, received.lastRevision[id] == first, !response.fragment {
                received.breaches.append("watch \(id): revision \(first) came in two responses")
            }
            if response.header.revision < revisions.last ?? 0 {
                received.breaches.append("watch \(id): header \(response.header.revision) behind \(revisions)")
            }
            received.lastRevision[id] = revisions.last
            received.items[id, default: []] += response.events.map { .event($0) }
        }
    }

    var state: Received { received.withLock { $0 } }
    var isOpen: Bool { received.withLock { $0.writer != nil || $0.end != nil } }

    func answers(to id: Int64) -> Int { received.withLock { $0.answers[id] ?? 0 } }
    func count(_ id: Int64) -> Int { received.withLock { $0.items[id]?.count ?? 0 } }

    private static let refusals = [
        "PermissionDenied desc = etcdserver: permission denied",
        "InvalidArgument desc = etcdserver: user name is empty",
        "InvalidArgument desc = etcdserver: revision of auth store is old",
        "Unauthenticated desc = etcdserver: invalid auth token",
    ].map { "rpc error: code = \($0)" }

    /// Sends a request, and behind it one that is refused at once. Waits for that, and for the progress if it was asked for.
    func ask(_ request: EtcdWatchRequest) async throws {
        guard let writer = received.withLock({ $0.end == nil ? $0.writer : nil }) else { return }
        var progress = 0
        var creations = 1
        switch request.requestUnion {
        case .createRequest: creations += 1
        case .progressRequest: progress += 1
        default: break
        }
        let wanted = received.withLock { received in
            received.mark = received.creations + creations
            return received.progress + progress
        }
        do {
            try await writer.send(request)
            try await writer.send(
                .with {
                    $0.createRequest = .with {
                        $0.key = Data([1])
                        $0.rangeEnd = Data([0, 0])
                        $0.watchID = Self.markID
                    }
                })
        } catch {
            // Its end is compared.
        }
        try await eventually(within: .seconds(20)) {
            received.withLock { $0.mark == nil && $0.progress >= wanted || $0.end != nil }
        }
    }
}
