import ApusChannels
import ApusEtcd
import ApusEtcdAPI
import ApusGRPC
import ArgumentParser
import Foundation
import SwiftProtobuf

struct WatchCommand: CtlLeaf {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "Print the changes of a key, or of a range of keys.",
        usage: "apus ctl watch <key> [<range-end>] [options] [-- <program> <arguments>]",
        discussion: """
            apus ctl watch --prefix app/            from now on
            apus ctl watch name --rev=7             and what happened since revision 7
            apus ctl watch name -- sh -c 'echo $ETCD_WATCH_VALUE'

            The program gets ETCD_WATCH_REVISION, ETCD_WATCH_EVENT_TYPE, ETCD_WATCH_KEY and ETCD_WATCH_VALUE. A watch \
            survives the loss of the member that serves it.
            """)

    @Argument(help: "The key; the end of a range.") var words: [String] = []
    @Option(name: .customLong("exec"), parsing: .unconditionalSingleValue, help: .hidden) var program: [String] = []
    @Option(help: "The first revision to show; 0 for from now on.") var rev: Int64 = 0
    @Flag(help: "All keys that begin with the key.") var prefix = false
    @Flag(help: "Print what each key was before.") var prevKv = false
    @Flag(help: "Print how far the server is, from time to time.") var progressNotify = false
    @Flag(
        name: [.long, .customShort("i")], inversion: .prefixedNo,
        help: "Read watches, line by line: watch <key> [<range-end>].")
    var interactive = false
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run(_ session: CtlSession) async throws {
        if interactive { return try await converse(session) }
        let environment = ProcessInfo.processInfo.environment
        let given = [environment["ETCDCTL_WATCH_KEY"], environment["ETCDCTL_WATCH_RANGE_END"]].compactMap { $0 }
        try await follow(try request(words.isEmpty ? given : words), session)
    }

    private func request(_ words: [String]) throws -> EtcdWatchCreateRequest {
        guard let key = words.first, words.count <= 2 else { throw CtlFailure.arguments("bad number of arguments") }
        var request = EtcdWatchCreateRequest()
        (request.key, request.rangeEnd) = try KeySpan.resolve(key, words.dropFirst().first, prefix, false)
        request.startRevision = rev
        request.prevKv = prevKv
        request.progressNotify = progressNotify
        return request
    }

    /// Each line is a watch of its own.
    private func converse(_ session: CtlSession) async throws {
        let lines = Channel<String>(capacity: 16)
        Thread.detachNewThread {
            while let line = readLine() {
                while case .full = lines.trySend(line) { Thread.sleep(forTimeInterval: 0.01) }
            }
            lines.close()
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            while let line = try await lines.receive() {
                guard let command = try? WatchCommand.parse(CtlArguments.normalized(try TxnText.words(line))),
                    command.words.first == "watch", command.words.count > 1
                else {
                    complain("Invalid command \(line) (only support watch)")
                    continue
                }
                group.addTask {
                    try await command.follow(command.request(Array(command.words.dropFirst())), session)
                }
            }
            try await group.waitForAll()
        }
    }

    private func follow(_ first: EtcdWatchCreateRequest, _ session: CtlSession) async throws {
        var request = first
        var hasBegun = false
        while true {
            do {
                try await session.client.watch { call in
                    try await call.requests.send(.with { $0.createRequest = request })
                    while let response = try await call.replies.next() {
                        if response.created { hasBegun = true }
                        if request.startRevision == 0 { request.startRevision = response.header.revision + 1 }
                        try await show(response, session)
                        if let last = response.events.last { request.startRevision = last.kv.modRevision + 1 }
                    }
                }
            } catch let error as GRPCError where hasBegun && error.code == .unavailable {
                // Another member goes on where this one ended.
                try await TimeSource.continuous.sleep(for: .milliseconds(100))
            }
        }
    }

    private func show(_ response: EtcdWatchResponse, _ session: CtlSession) async throws {
        if response.canceled {
            let reason =
                response.compactRevision > 0
                ? "etcdserver: mvcc: required revision has been compacted" : response.cancelReason
            complain("watch was canceled (\(reason))")
            throw CtlFailure(.interrupted, "watch is canceled by the server")
        }
        guard !response.created else { return }
        guard !response.events.isEmpty else { return print("progress notify: \(response.header.revision)") }
        try session.output.show(response) {
            try Self.json(response)
        } simple: { text in
            for event in response.events {
                text.line(event.name)
                if event.hasPrevKv { text.pair(event.prevKv) }
                text.pair(event.kv)
            }
        } fields: { text in
            text.header(response.header)
            for event in response.events {
                text.field("Type", event.name)
                if event.hasPrevKv { text.fields(event.prevKv, prefix: "Prev") }
                text.fields(event.kv)
            }
        }
        guard !program.isEmpty else { return }
        for event in response.events {
            let status = try await ChildProgram.run(
                program,
                environment: [
                    "ETCD_WATCH_REVISION": "\(response.header.revision)",
                    "ETCD_WATCH_EVENT_TYPE": "\"\(event.name)\"",
                    "ETCD_WATCH_KEY": GoText.quoted(event.kv.key), "ETCD_WATCH_VALUE": GoText.quoted(event.kv.value),
                ])
            guard status == 0 else { throw CtlFailure(.error, "command \(program) error (exit status \(status))") }
        }
    }

    private static func json(_ response: EtcdWatchResponse) throws -> String {
        let events = try response.events.map { try $0.etcdJSON }.joined(separator: ",")
        return "{\"Header\":\(try response.header.etcdJSON),\"Events\":[\(events)],\"CompactRevision\":"
            + "\(response.compactRevision),\"Canceled\":\(response.canceled),\"Created\":\(response.created)}"
    }

}

extension EtcdEvent {
    fileprivate var name: String { type == .delete ? "DELETE" : "PUT" }
}
