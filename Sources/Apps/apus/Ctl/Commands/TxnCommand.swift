import ApusEtcd
import ApusEtcdAPI
import ArgumentParser
import Foundation
import SwiftProtobuf

struct TxnCommand: CtlLeaf {
    static let configuration = CommandConfiguration(
        commandName: "txn", abstract: "Run requests in one transaction.",
        usage: "apus ctl txn [--interactive] [options]",
        discussion: """
            It reads comparisons, an empty line, what to do when all hold, an empty line, what to do else, and an empty line:

              value("name") = "old"

              put name new

              get name

            The targets are value, version, create, mod and lease; the comparisons =, !=, < and >; the requests get, put \
            and del with their flags.
            """)

    @Flag(name: [.long, .customShort("i")], inversion: .prefixedNo, help: "Ask for each part.") var interactive = false
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run(_ session: CtlSession) async throws {
        var request = EtcdTxnRequest()
        request.compare = try part("compares:").map(TxnText.compare)
        request.success = try part("success requests (get, put, del):").map(TxnText.operation)
        request.failure = try part("failure requests (get, put, del):").map(TxnText.operation)
        let response = try await session.client.txn(request)
        try session.output.show(response, json: { try TxnText.json(response) }) {
            $0.simple(response)
        } fields: {
            $0.fields(response)
        }
    }

    private func part(_ question: String) throws -> [String] {
        if interactive { print(question) }
        var lines: [String] = []
        while let line = readLine() {
            let line = line.trimmingCharacters(in: .whitespaces)
            if line.isEmpty { return lines }
            lines.append(line)
        }
        throw CtlFailure(.invalidInput, "the input ended within a part: each ends with an empty line")
    }
}

extension CtlText {
    fileprivate mutating func simple(_ response: EtcdTxnResponse) {
        line(response.succeeded ? "SUCCESS" : "FAILURE")
        for operation in response.responses {
            line("")
            switch operation.response {
            case .responseRange(let response): simple(response)
            case .responsePut(let response): simple(response)
            case .responseDeleteRange(let response): simple(response)
            case .responseTxn(let response): simple(response)
            case nil: break
            }
        }
    }

    fileprivate mutating func fields(_ response: EtcdTxnResponse) {
        header(response.header)
        field("Succeeded", response.succeeded)
        for operation in response.responses {
            switch operation.response {
            case .responseRange(let response): fields(response)
            case .responsePut(let response): fields(response)
            case .responseDeleteRange(let response): fields(response)
            case .responseTxn(let response): fields(response)
            case nil: break
            }
        }
    }
}
