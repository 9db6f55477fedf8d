public import ApusGRPC

/// Where a member of a control plane takes clients.
public struct EtcdEndpoint: Hashable, Sendable, CustomStringConvertible {
    public var address: GRPCEndpoint
    public var usesTLS: Bool

    public init(_ address: GRPCEndpoint, usesTLS: Bool) {
        self.address = address
        self.usesTLS = usesTLS
    }

    /// Reads `http://host:port`, `https://host:port`, `unix://path`, `unixs://path`, or `host:port`, which is as
    /// `usesTLS` says; nil for anything else. A path after the port is ignored, as in etcd.
    public init?(_ text: String, usesTLS: Bool = false) {
        let schemes = [("http://", false), ("https://", true), ("unixs:", true), ("unix:", false)]
        guard let (scheme, isSecure) = schemes.first(where: { text.hasPrefix($0.0) }) else {
            guard let address = GRPCEndpoint(text) else { return nil }
            self.init(address, usesTLS: usesTLS)
            return
        }
        let rest = text.dropFirst(scheme.count)
        let form = scheme.hasPrefix("unix") ? "unix:\(rest)" : String(rest.prefix { $0 != "/" })
        guard let address = GRPCEndpoint(form) else { return nil }
        self.init(address, usesTLS: isSecure)
    }

    public var description: String {
        switch address {
        case .host: "\(usesTLS ? "https" : "http")://\(address)"
        case .unixSocket(let path): "\(usesTLS ? "unixs" : "unix")://\(path)"
        }
    }
}
