import ArgumentParser
import Testing

@testable import shop

struct ControlPlaneAccessTests {
    @Test func withoutEndpointsThereIsNone() throws {
        #expect(try ControlPlaneAccess(flags: .init(), environment: [:]) == nil)
        #expect(try RunSettings(flags: .init(), environment: [:]).controlPlane == nil)
    }

    @Test func aProcessGetsByItsEnvironmentWhatItsStarterWasGiven() throws {
        let flags = ControlPlaneAccess.Given(
            endpoints: "http://a:1,http://b:2", user: "ada:with:colon", cacert: "ca", cert: "c", key: "k")
        let given = try #require(try ControlPlaneAccess(flags: flags, environment: [:]))
        #expect(given.user == .init(name: "ada", password: "with:colon"))
        #expect(try ControlPlaneAccess(flags: .init(), environment: given.environment) == given)
    }

    @Test(arguments: [
        (ControlPlaneAccess.Given(endpoints: "http://a:x"), "'http://a:x' is not an endpoint"),
        (.init(endpoints: "a:1,,b:2"), "'' is not an endpoint"),
        (.init(endpoints: "a:1", user: "ada"), "--user: give name:password"),
        (.init(endpoints: "a:1", cert: "c"), "--cert: --cert and --key go together"),
        (.init(endpoints: "a:1", key: "k"), "--key: --cert and --key go together"),
        (.init(user: "a:b"), "--user: it is for a control plane"),
    ])
    func mistakesAreNamed(_ flags: ControlPlaneAccess.Given, _ message: String) {
        let error = #expect(throws: ValidationError.self) { try ControlPlaneAccess(flags: flags, environment: [:]) }
        #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
    }

    @Test func aNumberNeedsAControlPlane() throws {
        let alone = #expect(throws: ValidationError.self) {
            try RunSettings(flags: .init(number: "2"), environment: [:])
        }
        #expect(alone?.message.contains("several processes need a control plane") == true)
        let settings = try RunSettings(
            flags: .init(
                only: "order,gateway", instances: "order=2", number: "3", controlPlane: .init(endpoints: "a:1")),
            environment: [:])
        #expect(settings.names == ["order-3", "order-4", "gateway-3"])
        #expect(throws: ValidationError.self) {
            try RunSettings(flags: .init(number: "0", controlPlane: .init(endpoints: "a:1")), environment: [:])
        }
    }
}
