import NIOCore
import SwiftProtobuf

/// The reflection service of gRPC, v1 and v1alpha: tells tools like grpcurl which services there are and what their messages
/// look like.
///
/// Messages of swift-protobuf do not carry their descriptions, so they are given as protoc writes them:
/// `protoc --include_imports --descriptor_set_out=FILE …`.
public struct GRPCReflection: Sendable {
    private let names: [String]
    private let files: [String: Google_Protobuf_FileDescriptorProto]
    /// The file of each message, enum, service, method and field that it names.
    private let symbols: [String: String]
    private let extensions: [String: [Int32: String]]

    /// - Parameters:
    ///   - services: those that `list_services` names.
    ///   - descriptors: serialised FileDescriptorSets.
    /// - Throws: when one is not that.
    public init(services: [GRPCService], descriptors: [[UInt8]] = []) throws {
        names = (services.map(\.name) + Self.versions).sorted()
        var files: [String: Google_Protobuf_FileDescriptorProto] = [:]
        var symbols: [String: String] = [:]
        var extensions: [String: [Int32: String]] = [:]
        for bytes in descriptors {
            for file in try Google_Protobuf_FileDescriptorSet(serializedBytes: bytes).file {
                files[file.name] = file
                let scope = file.package.isEmpty ? "" : file.package + "."
                for symbol in Self.symbols(of: file, scope) { symbols[symbol] = file.name }
                Self.collect(file.extension, file.name, &extensions)
                for message in file.messageType { Self.collectNested(message, file.name, &extensions) }
            }
        }
        self.files = files
        self.symbols = symbols
        self.extensions = extensions
    }

    private static let versions = ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"]

    /// Both versions, to be given to the server.
    public var services: [GRPCService] {
        Self.versions.map { name in
            GRPCService(name) { service in
                service.bidirectional("ServerReflectionInfo") {
                    (
                        requests: GRPCMessages<Grpc_Reflection_V1_ServerReflectionRequest>,
                        replies: GRPCMessageWriter<Grpc_Reflection_V1_ServerReflectionResponse>, _
                    ) in
                    for try await request in requests { try await replies.send(answer(request)) }
                }
            }
        }
    }

    private func answer(
        _ request: Grpc_Reflection_V1_ServerReflectionRequest
    ) throws -> Grpc_Reflection_V1_ServerReflectionResponse {
        var response = Grpc_Reflection_V1_ServerReflectionResponse()
        response.validHost = request.host
        response.originalRequest = request
        switch request.messageRequest {
        case .listServices:
            response.listServicesResponse.service = names.map { name in .with { $0.name = name } }
        case .fileByFilename(let name): try add(file: name, what: name, to: &response)
        case .fileContainingSymbol(let symbol): try add(file: symbols[symbol], what: symbol, to: &response)
        case .fileContainingExtension(let wanted):
            let file = extensions[wanted.containingType]?[wanted.extensionNumber]
            try add(file: file, what: "\(wanted.containingType) \(wanted.extensionNumber)", to: &response)
        case .allExtensionNumbersOfType(let type):
            guard symbols[type] != nil else { return Self.missing(type, response) }
            response.allExtensionNumbersResponse = .with {
                $0.baseTypeName = type
                $0.extensionNumber = (extensions[type] ?? [:]).keys.sorted()
            }
        case nil: response.errorResponse = .with { $0.errorCode = Int32(GRPCCode.invalidArgument.rawValue) }
        }
        return response
    }

    /// A file with all that it imports, so that the caller need not ask again.
    private func add(
        file: String?, what: String, to response: inout Grpc_Reflection_V1_ServerReflectionResponse
    ) throws {
        guard let file, files[file] != nil else {
            response = Self.missing(what, response)
            return
        }
        var seen: Set<String> = []
        var ordered: [String] = []
        var left = [file]
        while let next = left.popLast() {
            guard seen.insert(next).inserted, let found = files[next] else { continue }
            ordered.append(next)
            left += found.dependency
        }
        response.fileDescriptorResponse.fileDescriptorProto = try ordered.map { try files[$0]!.serializedData() }
    }

    private static func missing(
        _ what: String, _ response: Grpc_Reflection_V1_ServerReflectionResponse
    ) -> Grpc_Reflection_V1_ServerReflectionResponse {
        var response = response
        response.errorResponse = .with {
            $0.errorCode = Int32(GRPCCode.notFound.rawValue)
            $0.errorMessage = "\(what) is not known"
        }
        return response
    }

    // MARK: What a file names

    private static func symbols(of file: Google_Protobuf_FileDescriptorProto, _ scope: String) -> [String] {
        var found = file.messageType.flatMap { symbols(of: $0, scope) }
        found += file.enumType.flatMap { symbols(of: $0, scope) }
        found += file.extension.map { scope + $0.name }
        for service in file.service {
            found.append(scope + service.name)
            found += service.method.map { "\(scope)\(service.name).\($0.name)" }
        }
        return found
    }

    private static func symbols(of message: Google_Protobuf_DescriptorProto, _ scope: String) -> [String] {
        let name = scope + message.name
        var found = [name] + message.field.map { "\(name).\($0.name)" } + message.oneofDecl.map { "\(name).\($0.name)" }
        found += message.nestedType.flatMap { symbols(of: $0, name + ".") }
        found += message.enumType.flatMap { symbols(of: $0, name + ".") }
        found += message.extension.map { "\(name).\($0.name)" }
        return found
    }

    private static func symbols(of kind: Google_Protobuf_EnumDescriptorProto, _ scope: String) -> [String] {
        [scope + kind.name] + kind.value.map { scope + $0.name }
    }

    private static func collect(
        _ fields: [Google_Protobuf_FieldDescriptorProto], _ file: String, _ extensions: inout [String: [Int32: String]]
    ) {
        for field in fields {
            // Names of types begin with a dot here, and nowhere else.
            extensions[String(field.extendee.drop { $0 == "." }), default: [:]][field.number] = file
        }
    }

    private static func collectNested(
        _ message: Google_Protobuf_DescriptorProto, _ file: String, _ extensions: inout [String: [Int32: String]]
    ) {
        collect(message.extension, file, &extensions)
        for nested in message.nestedType { collectNested(nested, file, &extensions) }
    }
}
