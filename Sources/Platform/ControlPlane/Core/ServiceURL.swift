/// Where a member listens or is found, as etcd writes it: `http://host:port`, `https://host:port`, `unix://path`,
/// `unixs://path`.
public struct ServiceURL: Hashable, Sendable, CustomStringConvertible {
    public enum Scheme: String, Sendable {
        case http
        case https
        case unix
        case unixs

        /// TLS is spoken.
        public var isSecure: Bool { self == .https || self == .unixs }
    }

    public let scheme: Scheme
    /// A name or an address, an IPv6 one without its brackets; for a Unix socket the path.
    public let host: String
    /// 0 to 65,535; 0 for a Unix socket.
    public let port: Int
    /// As it was given, without the blanks around it.
    public let description: String

    public var isUnix: Bool { scheme == .unix || scheme == .unixs }

    /// `host:port`, an IPv6 address in brackets.
    public var authority: String {
        isUnix ? host : host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    /// - Throws: `ControlPlaneError` `.badSettings` with etcd's words for what is no such URL.
    public init(_ text: String) throws(ControlPlaneError) {
        let text = text.trimming { $0 == " " || $0 == "\t" || $0 == "\n" || $0 == "\r" }
        guard let (name, rest) = text.split(at: "://"), let scheme = Scheme(rawValue: name.lowercased()) else {
            throw .badSettings("URL scheme must be http, https, unix, or unixs: \(text)")
        }
        self.scheme = scheme
        description = text
        if scheme == .unix || scheme == .unixs {
            guard !rest.isEmpty else { throw .badSettings("URL of a Unix socket has no path: \(text)") }
            (host, port) = (rest, 0)
            return
        }
        let end = rest.firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? rest.endIndex
        guard let (host, port) = Self.split(String(rest[..<end])) else {
            throw .badSettings("URL address does not have the form \"host:port\": \(text)")
        }
        guard end == rest.endIndex else { throw .badSettings("URL must not contain a path: \(text)") }
        (self.host, self.port) = (host, port)
    }

    /// A list as flags have it, separated by commas.
    public static func list(_ text: String) throws(ControlPlaneError) -> [ServiceURL] {
        var urls: [ServiceURL] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            urls.append(try ServiceURL(String(part)))
        }
        return urls
    }

    private static func split(_ authority: String) -> (host: String, port: Int)? {
        guard let colon = authority.lastIndex(of: ":") else { return nil }
        let digits = authority[authority.index(after: colon)...]
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (48...57).contains($0) }), let port = Int(digits),
            port <= 65_535
        else { return nil }
        let host = authority[..<colon]
        if host.hasPrefix("[") {
            guard host.hasSuffix("]"), host.count > 2 else { return nil }
            return (String(host.dropFirst().dropLast()), port)
        }
        guard !host.contains(":"), !host.contains("@"), !host.contains("[") else { return nil }
        return (String(host), port)
    }
}

extension String {
    fileprivate func split(at separator: String) -> (String, String)? {
        guard let found = firstRange(of: separator) else { return nil }
        return (String(self[..<found.lowerBound]), String(self[found.upperBound...]))
    }

    private func firstRange(of text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }

    fileprivate func trimming(_ isBlank: (Character) -> Bool) -> String {
        var text = drop(while: isBlank)
        while let last = text.last, isBlank(last) { text.removeLast() }
        return String(text)
    }
}
