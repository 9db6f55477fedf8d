import ApusPrimitives
import ApusResilience
import SwiftProtobuf

/// The health service of gRPC (grpc.health.v1: Check, List and Watch), and what it says.
///
/// The server as a whole has the name "", which serves from the start. A service that was never set is not known: Check answers
/// NOT_FOUND, and Watch says so and goes on watching.
public final class GRPCHealth: Sendable {
    /// Services that `set` remembers at most; a further name is dropped.
    public static let maximumServices = 1000

    private struct State {
        var serving: [String: Bool] = ["": true]
        var version: UInt64 = 0
        var changed = Signal<Void>()
        var isDown = false
    }

    private let state = Locked(State())

    public init() {}

    /// Says whether a service serves; "" is the server.
    public func set(_ service: String, isServing: Bool) {
        change { state in
            guard state.serving[service] != nil || state.serving.count < Self.maximumServices else { return }
            state.serving[service] = isServing
        }
    }

    /// From now on nothing serves, whatever is set: for a server that is about to stop.
    public func beginDraining() {
        change { $0.isDown = true }
    }

    private func change(_ body: (inout State) -> Void) {
        let old = state.withLock { state in
            body(&state)
            state.version += 1
            defer { state.changed = Signal() }
            return state.changed
        }
        old.send()
    }

    private typealias Status = Grpc_Health_V1_HealthCheckResponse.ServingStatus

    private func status(of service: String) -> (status: Status, changed: Signal<Void>) {
        state.withLock { state in
            let status: Status =
                state.serving[service].map { $0 && !state.isDown ? .serving : .notServing } ?? .serviceUnknown
            return (status, state.changed)
        }
    }

    /// To be given to the server.
    public var service: GRPCService {
        GRPCService("grpc.health.v1.Health") { service in
            service.onLoop("Check") { (request: Grpc_Health_V1_HealthCheckRequest, _) in
                let status = self.status(of: request.service).status
                guard status != .serviceUnknown else {
                    throw GRPCError(.notFound, "unknown service \(request.service)")
                }
                return Grpc_Health_V1_HealthCheckResponse.with { $0.status = status }
            }
            service.onLoop("List") { (_: Grpc_Health_V1_HealthListRequest, _) in
                let names = self.state.withLock { $0.serving.keys.sorted() }
                return Grpc_Health_V1_HealthListResponse.with { response in
                    for name in names {
                        response.statuses[name] = .with { $0.status = self.status(of: name).status }
                    }
                }
            }
            service.serverStream("Watch") {
                (
                    request: Grpc_Health_V1_HealthCheckRequest,
                    replies: GRPCMessageWriter<Grpc_Health_V1_HealthCheckResponse>, _
                ) in
                var last: Status?
                while true {
                    let (status, changed) = self.status(of: request.service)
                    if status != last {
                        try await replies.send(.with { $0.status = status })
                        last = status
                    }
                    try await changed.value
                }
            }
        }
    }
}
