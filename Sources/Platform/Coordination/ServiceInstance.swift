public import ApusPrimitives
import Foundation

/// One running copy of a service: what a caller needs to reach it and to weigh it.
public struct ServiceInstance: Hashable, Sendable {
    /// The name of the service; not empty, without "/".
    public var service: String
    /// Names this copy among those of the service; not empty, without "/". One that starts again with the same
    /// identifier takes the place of its predecessor.
    public var id: String
    public var host: String
    /// 1...65535
    public var port: Int
    /// The share of the calls this copy should get, against those of the others; 0...10,000, usually 100.
    public var weight: Int
    /// Where it runs: a data centre, a rack.
    public var zone: String?
    public var metadata: [String: String]

    public init(
        service: String, id: String, host: String, port: Int, weight: Int = 100, zone: String? = nil,
        metadata: [String: String] = [:]
    ) {
        self.service = service
        self.id = id
        self.host = host
        self.port = port
        self.weight = weight
        self.zone = zone
        self.metadata = metadata
    }

    /// Every instance is kept under a key that begins with this.
    public static let keyPrefix: Bytes = "apus/services/"

    /// `apus/services/<service>/<id>`
    public var key: Bytes { Self.keyPrefix + Bytes("\(service)/\(id)") }
}

extension ServiceInstance: Codable {
    /// `weight`, `zone` and `metadata` may be absent.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            service: try container.decode(String.self, forKey: .service),
            id: try container.decode(String.self, forKey: .id),
            host: try container.decode(String.self, forKey: .host),
            port: try container.decode(Int.self, forKey: .port),
            weight: try container.decodeIfPresent(Int.self, forKey: .weight) ?? 100,
            zone: try container.decodeIfPresent(String.self, forKey: .zone),
            metadata: try container.decodeIfPresent([String: String].self, forKey: .metadata) ?? [:])
    }
}

extension ServiceInstance {
    /// Why this instance cannot be registered; nil when it can.
    var problem: String? {
        if service.isEmpty || service.utf8.contains(UInt8(ascii: "/")) { return "the service name \"\(service)\"" }
        if id.isEmpty || id.utf8.contains(UInt8(ascii: "/")) { return "the id \"\(id)\"" }
        if host.isEmpty { return "the empty host" }
        if !(1...65535).contains(port) { return "the port \(port)" }
        if !(0...10_000).contains(weight) { return "the weight \(weight)" }
        return nil
    }

    /// The JSON that is stored: the same instance always gives the same bytes.
    func encoded() throws -> Bytes {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Bytes(try encoder.encode(self))
    }

    /// - Throws: why these bytes are not the instance that belongs under `key`.
    init(decoding value: Bytes, under key: Bytes) throws {
        self = try JSONDecoder().decode(ServiceInstance.self, from: Data(value.array))
        if let problem {
            throw CoordinationError(.invalidRequest, "\(problem) is not allowed")
        }
        guard self.key == key else {
            throw CoordinationError(.invalidRequest, "the value names itself \(self.key)")
        }
    }
}
