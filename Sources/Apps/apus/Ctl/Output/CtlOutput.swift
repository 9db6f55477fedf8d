import ApusEtcdAPI
import Foundation
import SwiftProtobuf

/// Prints answers as etcdctl 3.5 does.
struct CtlOutput: Sendable {
    enum Format: String {
        case simple, table, json, fields, protobuf
    }

    let format: Format
    let isHex: Bool

    /// - Parameters:
    ///   - json: what JSON is, where it is not the message's own.
    ///   - simple, fields, table: nil where etcdctl has no such form.
    func show(
        _ message: (any Message)?, json: (() throws -> String)? = nil, simple: ((inout CtlText) -> Void)?,
        fields: ((inout CtlText) -> Void)? = nil, table: (() -> CtlTable)? = nil
    ) throws {
        var text = CtlText(isHex: isHex)
        switch format {
        case .simple:
            guard let simple else { throw unsupported }
            simple(&text)
        case .fields:
            guard let fields else { throw unsupported }
            fields(&text)
        case .table:
            guard let table else { throw unsupported }
            text.line(table().text, terminator: "")
        case .json:
            if let json {
                text.line(try json())
            } else if let message {
                text.line(try message.etcdJSON)
            } else {
                throw unsupported
            }
        case .protobuf:
            guard let message else { throw unsupported }
            text.bytes += try message.serializedBytes() as [UInt8]
        }
        // After what was printed before.
        fflush(nil)
        FileHandle.standardOutput.write(Data(text.bytes))
    }

    private var unsupported: CtlFailure {
        CtlFailure(.badFeature, "\(format.rawValue) not supported as output format")
    }
}

/// Text that is built line by line; keys and values are any bytes.
struct CtlText {
    let isHex: Bool
    var bytes: [UInt8] = []

    mutating func line(_ text: String, terminator: String = "\n") {
        bytes += text.utf8
        bytes += terminator.utf8
    }

    /// Bytes as they are, or as `\x61\x62`.
    mutating func line(_ data: Data) {
        if isHex { bytes += GoText.hex(data).utf8 } else { bytes += data }
        bytes.append(UInt8(ascii: "\n"))
    }

    mutating func pair(_ kv: EtcdKeyValue, valueOnly: Bool = false) {
        if !valueOnly { line(kv.key) }
        line(kv.value)
    }

    // MARK: "fields"

    mutating func field(_ name: String, _ value: some CustomStringConvertible) {
        line("\"\(name)\" : \(value)")
    }

    mutating func quoted(_ name: String, _ value: Data) {
        field(name, GoText.quoted(value))
    }

    mutating func quoted(_ name: String, _ value: String) {
        quoted(name, Data(value.utf8))
    }

    mutating func header(_ header: EtcdResponseHeader) {
        field("ClusterID", header.clusterID)
        field("MemberID", header.memberID)
        field("Revision", header.revision)
        field("RaftTerm", header.raftTerm)
    }

    mutating func fields(_ kv: EtcdKeyValue, prefix: String = "") {
        quoted("\(prefix)Key", kv.key)
        field("\(prefix)CreateRevision", kv.createRevision)
        field("\(prefix)ModRevision", kv.modRevision)
        field("\(prefix)Version", kv.version)
        quoted("\(prefix)Value", kv.value)
        field("\(prefix)Lease", kv.lease)
    }
}

extension Message {
    /// As Go's JSON has it: names of the protocol, numbers as numbers, what is zero left out.
    var etcdJSON: String {
        get throws {
            var options = JSONEncodingOptions()
            options.preserveProtoFieldNames = true
            options.alwaysPrintInt64sAsNumbers = true
            options.alwaysPrintEnumsAsInts = true
            return try jsonString(options: options)
        }
    }
}
