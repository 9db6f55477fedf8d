import ApusEtcd
import ApusEtcdAPI
import ArgumentParser
import SwiftProtobuf

struct DelCommand: CtlLeaf {
    static let configuration = CommandConfiguration(
        commandName: "del", abstract: "Delete a key, or a range of keys.",
        usage: "apus ctl del <key> [<range-end>] [options]",
        discussion: "It prints how many keys it deleted.")

    @Argument(help: "The key; the end of a range.") var words: [String] = []
    @OptionGroup var removal: RemovalOptions
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run(_ session: CtlSession) async throws {
        let response = try await session.client.deleteRange(try removal.request(words))
        try session.output.show(response) {
            $0.simple(response)
        } fields: {
            $0.fields(response)
        }
    }
}

/// What is deleted; of `del`, alone and in a transaction.
struct RemovalOptions: ParsableArguments {
    @Flag(help: "All keys that begin with the key.") var prefix = false
    @Flag(help: "All keys from the key on.") var fromKey = false
    @Flag(help: "Print what was deleted.") var prevKv = false

    func request(_ words: [String]) throws -> EtcdDeleteRangeRequest {
        guard let key = words.first, words.count <= 2 else {
            throw CtlFailure.arguments("del command needs one argument as key and an optional argument as range_end")
        }
        var request = EtcdDeleteRangeRequest()
        (request.key, request.rangeEnd) = try KeySpan.resolve(key, words.dropFirst().first, prefix, fromKey)
        request.prevKv = prevKv
        return request
    }
}

extension CtlText {
    mutating func simple(_ response: EtcdDeleteRangeResponse) {
        line("\(response.deleted)")
        for kv in response.prevKvs { pair(kv) }
    }

    mutating func fields(_ response: EtcdDeleteRangeResponse) {
        header(response.header)
        field("Deleted", response.deleted)
        for kv in response.prevKvs { fields(kv, prefix: "Prev") }
    }
}
