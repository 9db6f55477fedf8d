public import ApusObservability
import ApusRPC
public import ApusResilience
public import Hummingbird
public import NIOCore

/// What a handler knows of its request besides the request itself.
public struct ServiceContext: RequestContext, RemoteAddressRequestContext {
    public var coreContext: CoreRequestContextStorage
    /// When the caller stops waiting. Also `Deadline.current`.
    public internal(set) var deadline: Deadline?
    /// The caller gave the service hardly any time: that its deadline passes tells nothing about how busy the service is.
    var isHurried = false
    /// The span of this request. Also `TraceContext.current`.
    public internal(set) var trace: TraceContext
    /// Who is asking; set by a middleware that has checked it.
    public var identity: Identity?
    public let remoteAddress: SocketAddress?
    public let maxUploadSize: Int

    public var requestDecoder: ServiceJSON { ServiceJSON() }
    public var responseEncoder: ServiceJSON { ServiceJSON() }

    public init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        remoteAddress = source.channel.remoteAddress
        maxUploadSize = ConnectionControl.current?.maxBodyBytes ?? HostSettings().maxBodyBytes
        trace = TraceContext.current ?? .root()
        deadline = Deadline.current
    }
}

/// A caller whose credentials were checked.
public struct Identity: Hashable, Sendable {
    /// The identifier of the person or program.
    public let subject: String
    /// What else the credentials say, such as roles.
    public let attributes: [String: String]

    public init(subject: String, attributes: [String: String] = [:]) {
        self.subject = subject
        self.attributes = attributes
    }
}
