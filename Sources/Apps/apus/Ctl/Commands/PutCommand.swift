import ApusEtcd
import ApusEtcdAPI
import ArgumentParser
import Foundation
import SwiftProtobuf

struct PutCommand: CtlLeaf {
    static let configuration = CommandConfiguration(
        commandName: "put", abstract: "Write a key.",
        usage: "apus ctl put <key> [<value>] [options]",
        discussion: """
            apus ctl put name value
            apus ctl put name < file           the value is what the file holds
            apus ctl put name -- -7            a value that looks like a flag
            apus ctl put name value --lease=1234abcd
            """)

    @Argument(help: "The key, and its value.") var words: [String] = []
    @OptionGroup var write: WriteOptions
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run(_ session: CtlSession) async throws {
        let request = try write.request(words) { try CtlInput.everything() }
        let response = try await session.client.put(request)
        try session.output.show(response) {
            $0.simple(response)
        } fields: {
            $0.fields(response)
        }
    }
}

/// What is written; of `put`, alone and in a transaction.
struct WriteOptions: ParsableArguments {
    @Option(help: "The lease that the key dies with, in hexadecimal.") var lease = "0"
    @Flag(help: "Print what the key was before.") var prevKv = false
    @Flag(help: "Keep the value that the key has.") var ignoreValue = false
    @Flag(help: "Keep the lease that the key has.") var ignoreLease = false

    /// - Parameter input: the value, when no word says it.
    func request(_ words: [String], input: () throws -> Data?) throws -> EtcdPutRequest {
        guard let key = words.first, words.count <= (ignoreValue ? 1 : 2) else {
            throw CtlFailure.arguments("put command needs 1 argument and input from stdin or 2 arguments")
        }
        var request = EtcdPutRequest()
        request.key = Data(key.utf8)
        if words.count == 2 {
            request.value = Data(words[1].utf8)
        } else if !ignoreValue {
            guard let value = try input() else {
                throw CtlFailure.arguments("put command needs 1 argument and input from stdin or 2 arguments")
            }
            request.value = value
        }
        guard let id = Int64(hexID: lease) else {
            throw CtlFailure.arguments("bad lease ID (\"\(lease)\"), expecting ID in Hex")
        }
        request.lease = id
        request.prevKv = prevKv
        request.ignoreValue = ignoreValue
        request.ignoreLease = ignoreLease
        return request
    }
}

extension Int64 {
    /// An identifier as tools print it; nil for what is none.
    init?(hexID text: String) {
        guard let value = UInt64(text, radix: 16) else { return nil }
        self = Int64(bitPattern: value)
    }
}

extension CtlText {
    mutating func simple(_ response: EtcdPutResponse) {
        line("OK")
        if response.hasPrevKv { pair(response.prevKv) }
    }

    mutating func fields(_ response: EtcdPutResponse) {
        header(response.header)
        if response.hasPrevKv { fields(response.prevKv, prefix: "Prev") }
    }
}
