import ApusEtcdAPI
import ApusGRPC
import Foundation
import SwiftProtobuf
import TestSupport

/// One of the two servers of a trace, and what the trace holds open there.
final class TraceSide {
    let client: GRPCClient
    var tokens: [String: String] = [:]
    /// Sees every event from the first revision on.
    private(set) var observer: WatchStream?
    private(set) var streams: [WatchStream] = []
    private var tasks: [Task<Void, Never>] = []

    init(_ client: GRPCClient, watches: Bool) async throws {
        self.client = client
        guard watches else { return }
        let (observer, task) = WatchStream.open(client, token: nil)
        self.observer = observer
        tasks = [task]
        try await eventually { observer.isOpen }
        try await observer.ask(
            .with {
                $0.createRequest = .with {
                    $0.key = Data([0])
                    $0.rangeEnd = Data([0])
                    $0.startRevision = 1
                    $0.prevKv = true
                }
            })
        for index in 0..<TraceGenerator.streams { try await openStream(index, user: nil) }
    }

    func ask(_ call: UnaryCall, user: String?) async -> (answer: Answer, raw: (any EtcdReply)?) {
        // Who has not authenticated comes with a token that is none.
        await call.ask(client, token: user.map { tokens[$0] ?? "none.1" })
    }

    func askAsRoot(_ call: UnaryCall) async -> (answer: Answer, raw: (any EtcdReply)?) {
        let login = await TraceGenerator.authenticate("root", password: "root").ask(client, token: nil)
        return await call.ask(client, token: (login.raw as? EtcdAuthenticateResponse)?.token)
    }

    func openStream(_ index: Int, user: String?) async throws {
        let (stream, task) = WatchStream.open(client, token: user.map { tokens[$0] ?? "none.1" })
        try await eventually { stream.isOpen }
        if streams.indices.contains(index) {
            tasks[index + 1].cancel()
            streams[index] = stream
            tasks[index + 1] = task
        } else {
            streams.append(stream)
            tasks.append(task)
        }
    }

    func close() async {
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
    }
}
