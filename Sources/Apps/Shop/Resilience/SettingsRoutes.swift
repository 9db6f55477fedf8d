import ApusHosting
import ApusRPC
import Hummingbird

/// The settings over HTTP, for an operator on this machine: the gateway does not lead here.
struct SettingsRoutes: Sendable {
    let desk: SettingsDesk

    struct List: Codable, Sendable {
        let settings: [SettingsDesk.Setting]
    }

    private struct Change: Decodable, Sendable {
        let value: JSONValue
    }

    func add(to router: Router<ServiceContext>) {
        router.get("/internal/settings") { _, _ in try Response.json(List(settings: desk.settings)) }
        router.put("/internal/settings/:namespace/:key") { request, context in
            let change = try await request.decodeStrictly(as: Change.self, context: context)
            return try Response.json(
                try await desk.set(
                    try context.parameters.require("key"), in: try context.parameters.require("namespace"),
                    to: change.value))
        }
        router.delete("/internal/settings/:namespace/:key") { _, context in
            try Response.json(
                try await desk.reset(
                    try context.parameters.require("key"), in: try context.parameters.require("namespace")))
        }
    }
}
