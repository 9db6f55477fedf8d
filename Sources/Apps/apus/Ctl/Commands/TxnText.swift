import ApusEtcd
import ApusEtcdAPI
import ArgumentParser
import Foundation
import SwiftProtobuf

/// The language of `txn`, etcdctl's.
enum TxnText {
    /// `value("key") = "x"`.
    static func compare(_ line: String) throws -> EtcdCompare {
        guard let open = line.firstIndex(of: "(") else { throw malformed(line) }
        let target = String(line[..<open])
        var rest = line[line.index(after: open)...]
        guard let key = quoted(&rest), rest.first == ")" else { throw malformed(line) }
        rest = rest.dropFirst().drop { $0 == " " }
        let sign = rest.prefix { $0 != " " && $0 != "\"" }
        rest = rest.dropFirst(sign.count).drop { $0 == " " }
        guard let value = quoted(&rest) else { throw malformed(line) }
        var compare = EtcdCompare()
        compare.key = key
        let results = ["=": EtcdCompare.CompareResult.equal, "!=": .notEqual, ">": .greater, "<": .less]
        guard let result = results[String(sign)] else { throw malformed(line, "unknown comparison \(sign)") }
        compare.result = result
        let text = String(decoding: value, as: UTF8.self)
        func number(_ radix: Int = 10) throws -> Int64 {
            guard let number = Int64(text, radix: radix) else {
                throw CtlFailure(.invalidInput, "invalid txn compare request: \(line)")
            }
            return number
        }
        switch target {
        case "ver", "version": (compare.target, compare.version) = (.version, try number())
        case "c", "create": (compare.target, compare.createRevision) = (.create, try number())
        case "m", "mod": (compare.target, compare.modRevision) = (.mod, try number())
        case "val", "value": (compare.target, compare.value) = (.value, value)
        case "lease": (compare.target, compare.lease) = (.lease, try number(16))
        default: throw malformed(line, "unknown target \(target)")
        }
        return compare
    }

    private static func malformed(_ line: String, _ why: String? = nil) -> CtlFailure {
        CtlFailure(.invalidInput, "malformed comparison: \(line)" + (why.map { " (\($0))" } ?? ""))
    }

    /// `put key value`, `get key --prefix`, `del key`.
    static func operation(_ line: String) throws -> EtcdRequestOp {
        let words = try words(line)
        guard words.count >= 2 else { throw CtlFailure(.invalidInput, "invalid txn compare request: \(line)") }
        do {
            return try TxnOperation.parse(CtlArguments.normalized(words)).request()
        } catch is CtlFailure {
            throw CtlFailure(.invalidInput, "invalid txn request: \(line)")
        } catch {
            throw CtlFailure(.invalidInput, "invalid txn request: \(line)")
        }
    }

    /// Words with quotes around some of them, as a shell's.
    static func words(_ line: String) throws -> [String] {
        var (words, rest) = ([String](), line[...])
        while true {
            rest = rest.drop { $0 == " " || $0 == "\t" }
            guard let first = rest.first else { return words }
            if first == "\"" {
                guard let word = quoted(&rest) else {
                    throw CtlFailure(.invalidInput, "a quotation mark is missing: \(line)")
                }
                words.append(String(decoding: word, as: UTF8.self))
            } else if first == "'" {
                rest.removeFirst()
                guard let end = rest.firstIndex(of: "'") else {
                    throw CtlFailure(.invalidInput, "a quotation mark is missing: \(line)")
                }
                words.append(String(rest[..<end]))
                rest = rest[rest.index(after: end)...]
            } else {
                let word = rest.prefix { $0 != " " && $0 != "\t" }
                words.append(String(word))
                rest = rest.dropFirst(word.count)
            }
        }
    }

    /// Takes a Go string from the front.
    private static func quoted(_ rest: inout Substring) -> Data? {
        guard rest.first == "\"" else { return nil }
        rest.removeFirst()
        var bytes = Data()
        while let character = rest.popFirst() {
            switch character {
            case "\"": return bytes
            case "\\":
                guard let escape = rest.popFirst() else { return nil }
                switch escape {
                case "x":
                    guard let byte = UInt8(rest.prefix(2), radix: 16) else { return nil }
                    bytes.append(byte)
                    rest = rest.dropFirst(2)
                case "u":
                    guard let scalar = UInt32(rest.prefix(4), radix: 16).flatMap(Unicode.Scalar.init) else {
                        return nil
                    }
                    bytes += Data(String(scalar).utf8)
                    rest = rest.dropFirst(4)
                default:
                    let known: [Character: UInt8] = [
                        "a": 7, "b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13, "\\": 0x5C, "\"": 0x22,
                    ]
                    guard let byte = known[escape] else { return nil }
                    bytes.append(byte)
                }
            default: bytes += Data(String(character).utf8)
            }
        }
        return nil
    }

    /// With the name of each operation's kind around it, as Go has it.
    static func json(_ response: EtcdTxnResponse) throws -> String {
        var parts = ["\"header\":\(try response.header.etcdJSON)"]
        if response.succeeded { parts.append("\"succeeded\":true") }
        if !response.responses.isEmpty {
            let operations = try response.responses.map { operation in
                let inner =
                    switch operation.response {
                    case .responseRange(let response): "\"response_range\":\(try response.etcdJSON)"
                    case .responsePut(let response): "\"response_put\":\(try response.etcdJSON)"
                    case .responseDeleteRange(let response): "\"response_delete_range\":\(try response.etcdJSON)"
                    case .responseTxn(let response): "\"response_txn\":\(try json(response))"
                    case nil: ""
                    }
                return "{\"Response\":{\(inner)}}"
            }
            parts.append("\"responses\":[\(operations.joined(separator: ","))]")
        }
        return "{\(parts.joined(separator: ","))}"
    }
}

/// One request of a transaction.
private struct TxnOperation: ParsableArguments {
    @Argument var words: [String] = []
    @OptionGroup var write: WriteOptions
    @Option var consistency = "l"
    @Option var order = ""
    @Option var sortBy = ""
    @Option var limit: Int64 = 0
    @Option var rev: Int64 = 0
    @Flag var prefix = false
    @Flag var fromKey = false
    @Flag var keysOnly = false
    @Flag var countOnly = false

    func request() throws -> EtcdRequestOp {
        let arguments = Array(words.dropFirst())
        switch words.first {
        case "put": return try .with { $0.requestPut = try write.request(arguments) { nil } }
        case "get":
            var read = try ReadOptions.parse([])
            (read.consistency, read.order, read.sortBy) = (consistency, order, sortBy)
            (read.limit, read.rev, read.prefix, read.fromKey) = (limit, rev, prefix, fromKey)
            (read.keysOnly, read.countOnly) = (keysOnly, countOnly)
            return try .with { $0.requestRange = try read.request(arguments) }
        case "del":
            var removal = try RemovalOptions.parse([])
            (removal.prefix, removal.fromKey, removal.prevKv) = (prefix, fromKey, write.prevKv)
            return try .with { $0.requestDeleteRange = try removal.request(arguments) }
        default: throw CtlFailure(.invalidInput, "unknown request")
        }
    }
}
