import Foundation
import Yams

/// Settings by a file, as etcd's --config-file: YAML (or JSON) whose keys are the names of the flags, with the TLS ones in
/// `client-transport-security` and `peer-transport-security`.
enum ServerConfigFile {
    static let maximumBytes = 1 << 20

    /// Keys of the two sections, and the flags that they are.
    private static let sections: [String: [String: String]] = [
        "client-transport-security": [
            "cert-file": "cert-file", "key-file": "key-file", "client-cert-auth": "client-cert-auth",
            "trusted-ca-file": "trusted-ca-file", "auto-tls": "auto-tls",
            "allowed-hostname": "client-cert-allowed-hostname",
        ],
        "peer-transport-security": [
            "cert-file": "peer-cert-file", "key-file": "peer-key-file", "client-cert-auth": "peer-client-cert-auth",
            "trusted-ca-file": "peer-trusted-ca-file", "auto-tls": "peer-auto-tls",
            "allowed-cn": "peer-cert-allowed-cn", "allowed-hostname": "peer-cert-allowed-hostname",
        ],
    ]

    /// - Throws: `ServerFlaw`, which names the file and the key.
    static func read(_ path: String) throws(ServerFlaw) -> GivenValues {
        let bytes: Data
        do {
            bytes = try Data(contentsOf: URL(filePath: path))
        } catch {
            throw ServerFlaw("--config-file: '\(path)' cannot be read: \(error.localizedDescription)")
        }
        guard bytes.count <= maximumBytes else {
            throw ServerFlaw("--config-file: '\(path)' has more than \(maximumBytes) bytes")
        }
        return try parse(String(decoding: bytes, as: UTF8.self), path: path)
    }

    static func parse(_ text: String, path: String) throws(ServerFlaw) -> GivenValues {
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            throw ServerFlaw("--config-file: '\(path)' is not YAML: \(error)".replacing("\n", with: " "))
        }
        var given = GivenValues()
        guard let root else { return given }
        guard case .mapping(let mapping) = root else {
            throw ServerFlaw("--config-file: '\(path)' holds no keys; write lines like `name: infra0`")
        }
        for (key, node) in mapping {
            let name = key.string ?? ""
            if let section = sections[name] {
                try add(node, section: name, section, path: path, to: &given)
            } else {
                guard let flag = ServerFlag.byName[name] else { throw unknown(name, path) }
                try set(flag, node, key: name, path: path, in: &given)
            }
        }
        return given
    }

    private static func add(
        _ node: Node, section: String, _ keys: [String: String], path: String, to given: inout GivenValues
    ) throws(ServerFlaw) {
        if case .scalar(let scalar) = node, scalar.string.isEmpty { return }
        guard case .mapping(let mapping) = node else { throw ServerFlaw("\(section) in \(path) holds no keys") }
        for (key, value) in mapping {
            let name = key.string ?? ""
            guard let flagName = keys[name], let flag = ServerFlag.byName[flagName] else {
                throw ServerFlaw(
                    "\(section).\(name) in \(path) is not known; it may have \(keys.keys.sorted().joined(separator: ", "))"
                )
            }
            try set(flag, value, key: "\(section).\(name)", path: path, in: &given)
        }
    }

    private static func set(
        _ flag: ServerFlag, _ node: Node, key: String, path: String, in given: inout GivenValues
    ) throws(ServerFlaw) {
        let text: String
        switch node {
        case .scalar(let scalar): text = scalar.tag.description == "tag:yaml.org,2002:null" ? "" : scalar.string
        // log-outputs and cipher-suites are lists there.
        case .sequence(let sequence): text = sequence.compactMap(\.string).joined(separator: ",")
        default: throw ServerFlaw("\(key) in \(path) must be one value")
        }
        // The file that comes with etcd has every key, most of them empty.
        if text.isEmpty || text == "null" || text == "~" { return }
        given.set(flag, flag.kind == .duration ? duration(text) : text, from: "\(key) in \(path)")
    }

    /// Etcd's file has durations as Go marshals them: nanoseconds.
    private static func duration(_ text: String) -> String {
        Int64(text) == nil ? text : "\(text)ns"
    }

    private static func unknown(_ name: String, _ path: String) -> ServerFlaw {
        let hint = ServerFlag.nearest(to: name).map { "; did you mean \($0)?" } ?? ""
        return ServerFlaw("\(name) in \(path) is not a setting\(hint)")
    }
}
