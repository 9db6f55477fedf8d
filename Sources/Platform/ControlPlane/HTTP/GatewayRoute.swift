import ApusEtcdAPI
import ApusGRPC
import Foundation
import NIOCore
import SwiftProtobuf

/// One path of the gateway: the method that it calls, and how its messages become JSON.
struct GatewayRoute: Sendable {
    /// A value that is JSON, but no message.
    struct BadValue: Error, CustomStringConvertible {
        let description: String
    }

    /// "package.Service/Method".
    let method: String
    /// The client sends any number of messages.
    let takesStream: Bool
    private let toWire: @Sendable ([UInt8]) throws -> [UInt8]
    private let toJSON: @Sendable ([UInt8]) throws -> [UInt8]

    init<Request: Message, Reply: Message>(
        _ method: String, _ request: Request.Type, _ reply: Reply.Type, takesStream: Bool = false
    ) {
        self.method = method
        self.takesStream = takesStream
        toWire = { json in
            var options = JSONDecodingOptions()
            options.ignoreUnknownFields = true
            options.messageDepthLimit = BinaryDecodingOptions.transaction.messageDepthLimit
            return try Request(jsonUTF8Bytes: json, options: options).serializedBytes()
        }
        toJSON = { bytes in
            var options = JSONEncodingOptions()
            options.preserveProtoFieldNames = true
            return try Reply(serializedBytes: bytes, options: .transaction).jsonUTF8Bytes(options: options)
        }
    }

    /// - Parameter json: one value; nil for none, which is the empty message.
    func decode(_ json: ArraySlice<UInt8>?) throws -> ByteBuffer {
        guard let json, !json.elementsEqual("null".utf8) else { return ByteBuffer() }
        guard json.first == UInt8(ascii: "{") else {
            throw BadValue(
                description:
                    "json: cannot unmarshal \(Self.kind(json)) into Go value of type map[string]json.RawMessage")
        }
        do {
            return ByteBuffer(bytes: try toWire(Array(json)))
        } catch let error as JSONDecodingError {
            throw BadValue(description: Self.explain(error))
        }
    }

    func encode(_ message: ByteBuffer) throws -> ByteBuffer {
        ByteBuffer(bytes: try toJSON(Array(message.readableBytesView)))
    }

    private static func kind(_ json: ArraySlice<UInt8>) -> String {
        switch json.first {
        case UInt8(ascii: "["): "array"
        case UInt8(ascii: "\""): "string"
        case UInt8(ascii: "t"), UInt8(ascii: "f"): "bool"
        default: "number"
        }
    }

    private static func explain(_ error: JSONDecodingError) -> String {
        switch error {
        case .malformedNumber: "a field that is a number has another value"
        case .malformedString: "a field that is base64 or text has another value"
        case .malformedBool: "a field that is true or false has another value"
        case .unrecognizedEnumValue: "a field has a name that its enum does not have"
        case .numberRange: "a number is out of its field's range"
        case .messageDepthLimit: "nested too deeply"
        default: "a field has a value of another type: \(error)"
        }
    }
}
