import ApusEtcd
import ApusEtcdAPI
import ApusPrimitives
import ArgumentParser
import Foundation
import SwiftProtobuf

struct GetCommand: CtlLeaf {
    static let configuration = CommandConfiguration(
        commandName: "get", abstract: "Read a key, or a range of keys.",
        usage: "apus ctl get <key> [<range-end>] [options]",
        discussion: """
            apus ctl get name                a key and its value
            apus ctl get a c                 the keys from a up to, and without, c
            apus ctl get --prefix app/       all keys that begin with app/
            apus ctl get --from-key ''       all keys
            apus ctl get name --rev=7        as it was at revision 7
            """)

    @Argument(help: "The key; the end of a range.") var words: [String] = []
    @OptionGroup var read: ReadOptions
    @Flag(help: "Print values without their keys.") var printValueOnly = false
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run(_ session: CtlSession) async throws {
        let response = try await session.client.range(try read.request(words))
        if read.countOnly, session.output.format != .fields {
            throw CtlFailure.arguments("--count-only is only for `--write-out=fields`")
        }
        if printValueOnly, session.output.format != .simple {
            throw CtlFailure.arguments("print-value-only is only for `--write-out=simple`")
        }
        try session.output.show(response, valueOnly: printValueOnly)
    }
}

/// What is read; of `get`, alone and in a transaction.
struct ReadOptions: ParsableArguments {
    @Option(help: "l: what all members agree on; s: what the asked one has.") var consistency = "l"
    @Option(help: "ASCEND or DESCEND.") var order = ""
    @Option(help: "CREATE, KEY, MODIFY, VALUE or VERSION.") var sortBy = ""
    @Option(help: "At most so many keys; 0 for all.") var limit: Int64 = 0
    @Option(help: "As it was at this revision; 0 for now.") var rev: Int64 = 0
    @Flag(help: "All keys that begin with the key.") var prefix = false
    @Flag(help: "All keys from the key on.") var fromKey = false
    @Flag(help: "Leave the values out.") var keysOnly = false
    @Flag(help: "Only the number of keys.") var countOnly = false

    func request(_ words: [String]) throws -> EtcdRangeRequest {
        guard let key = words.first else {
            throw CtlFailure.arguments("get command needs one argument as key and an optional argument as range_end")
        }
        if keysOnly, countOnly {
            throw CtlFailure.arguments(
                "`--keys-only` and `--count-only` cannot be set at the same time, choose one")
        }
        var request = EtcdRangeRequest()
        (request.key, request.rangeEnd) = try KeySpan.resolve(key, words.dropFirst().first, prefix, fromKey)
        request.limit = limit
        request.revision = max(rev, 0)
        request.keysOnly = keysOnly
        request.countOnly = countOnly
        switch consistency {
        case "l": break
        case "s": request.serializable = true
        default: throw CtlFailure(.badFeature, "unknown consistency flag \"\(consistency)\"")
        }
        let orders = ["": EtcdRangeRequest.SortOrder.none, "ASCEND": .ascend, "DESCEND": .descend]
        guard let order = orders[order.uppercased()] else {
            throw CtlFailure(.badFeature, "bad sort order \(self.order)")
        }
        let targets = [
            "": EtcdRangeRequest.SortTarget.key, "KEY": .key, "CREATE": .create, "MODIFY": .mod, "VALUE": .value,
            "VERSION": .version,
        ]
        guard let target = targets[sortBy.uppercased()] else {
            throw CtlFailure(.badFeature, "bad sort target \(sortBy)")
        }
        // The order that the store has anyway.
        request.sortOrder = target == .key && order == .ascend ? .none : order
        request.sortTarget = target
        return request
    }
}

/// A key and the end of its range, as flags name them.
enum KeySpan {
    static func resolve(_ key: String, _ end: String?, _ prefix: Bool, _ fromKey: Bool) throws -> (Data, Data) {
        if prefix, fromKey {
            throw CtlFailure.arguments("`--prefix` and `--from-key` cannot be set at the same time, choose one")
        }
        if end != nil, prefix || fromKey {
            throw CtlFailure.arguments(
                "too many arguments, only accept one argument when `--prefix` or `--from-key` is set")
        }
        let all = Data([0])
        if prefix || fromKey {
            if key.isEmpty { return (all, all) }
            return (Data(key.utf8), fromKey ? all : Bytes(key).prefixEnd?.data ?? all)
        }
        return (Data(key.utf8), Data((end ?? "").utf8))
    }
}

extension CtlOutput {
    func show(_ response: EtcdRangeResponse, valueOnly: Bool = false) throws {
        try show(response) { text in
            text.simple(response, valueOnly: valueOnly)
        } fields: { text in
            text.fields(response)
        }
    }
}

extension CtlText {
    mutating func simple(_ response: EtcdRangeResponse, valueOnly: Bool = false) {
        for kv in response.kvs { pair(kv, valueOnly: valueOnly) }
    }

    mutating func fields(_ response: EtcdRangeResponse) {
        header(response.header)
        for kv in response.kvs { fields(kv) }
        field("More", response.more)
        field("Count", response.count)
    }
}
