import ApusCoordination
import ApusHosting
import ApusRPC
import ApusResilience
import Hummingbird
import Logging
import ServiceLifecycle

/// The faults that are switched on, one setting for each service in the namespace `faults`. It is there only in a shop
/// that was started with `SHOP_FAULTS=1`.
final class FaultDesk: Service {
    static let namespace = "faults"

    let center: ConfigCenter

    init(store: any CoordinationStore, logger: Logger) {
        let defaults = Dictionary(
            ShopPart.services.map { ($0.rawValue, SettingValue.string("")) }, uniquingKeysWith: { first, _ in first })
        center = ConfigCenter(store: store, namespace: Self.namespace, defaults: defaults, logger: logger)
    }

    func fault(of service: String) -> Fault {
        guard case .string(let text) = center.value(for: service) else { return .off }
        return (try? Fault(text)) ?? .off
    }

    static func flaw(of text: String) -> String? {
        do throws(PolicyFlaw) {
            _ = try Fault(text)
            return nil
        } catch {
            return error.description
        }
    }

    func run() async throws { try await center.run() }
}

/// Does to each request of a service what its fault says.
struct FaultMiddleware: RouterMiddleware {
    typealias Context = ServiceContext

    let service: String
    let desk: FaultDesk
    var time = TimeSource.continuous

    func handle(
        _ request: Request, context: ServiceContext,
        next: @concurrent (Request, ServiceContext) async throws -> Response
    ) async throws -> Response {
        let fault = desk.fault(of: service)
        // How an operator switches it off again.
        guard fault != .off, !request.uri.path.hasPrefix("/internal/settings") else {
            return try await next(request, context)
        }
        if fault.delayMilliseconds > 0 { try await time.sleep(for: .milliseconds(fault.delayMilliseconds)) }
        if fault.failShare > 0, Double.random(in: 0..<1) < fault.failShare {
            throw Problem(status: 500, detail: "A fault is switched on for this service.")
        }
        return try await next(request, context)
    }
}
