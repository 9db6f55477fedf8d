import Foundation
import Logging
import Testing

@testable import shop

struct RunSettingsTests {
    @Test func nothingGivenMeansTheWholeShopOnPort8080() throws {
        let settings = try RunSettings(flags: .init(), environment: [:])
        #expect(settings.host == "127.0.0.1")
        #expect(settings.port == 8080)
        #expect(settings.data.lastPathComponent == "shop-data")
        #expect(settings.parts == Set(ShopPart.allCases))
        #expect(settings.logLevel == .notice)
        #expect(ShopPart.allCases.allSatisfy { settings.instances.count(of: $0) == 1 })
    }

    @Test func theEnvironmentCountsAndAFlagCountsMore() throws {
        let environment = ["SHOP_PORT": "9000", "SHOP_HOST": "0.0.0.0", "SHOP_LOG_LEVEL": "Debug", "SHOP_DATA": ""]
        let settings = try RunSettings(flags: .init(port: "9001"), environment: environment)
        #expect(settings.port == 9001)
        #expect(settings.host == "0.0.0.0")
        #expect(settings.logLevel == .debug)
        #expect(settings.data.lastPathComponent == "shop-data", "an empty variable is not set")
    }

    @Test func onlyNamesTheParts() throws {
        let settings = try RunSettings(flags: .init(only: "order, inventory"), environment: [:])
        #expect(settings.parts == [.order, .inventory])
    }

    @Test func instancesAreANumberOrAPlan() throws {
        let all = try RunSettings(flags: .init(instances: "3"), environment: [:]).instances
        #expect(all.count(of: .order) == 3)
        #expect(all.count(of: .gateway) == 1)
        let some = try RunSettings(flags: .init(instances: "order=2, inventory=3"), environment: [:]).instances
        #expect(some.count(of: .order) == 2)
        #expect(some.count(of: .inventory) == 3)
        #expect(some.count(of: .user) == 1)
    }

    @Test(arguments: [
        (["port": "80 80"], "--port: '80 80' is not a port"),
        (["port": "65536"], "--port: '65536' is not a port"),
        (["port": "-1"], "--port: '-1' is not a port"),
        (["host": "my host"], "--host: 'my host' is not an address"),
        (["host": ""], "--host: '' is not an address"),
        (["data": ""], "--data: give the path"),
        (["only": "ordr"], "--only: there is no service 'ordr'; choose from user, auth"),
        (["only": "order,"], "--only: there is no service ''"),
        (["instances": "0"], "--instances: '0' is not a number of instances; give 1 to 16"),
        (["instances": "17"], "give 1 to 16"),
        (["instances": "order"], "is neither a number nor like order=2"),
        (["instances": "order=two"], "'two' is not a number of instances"),
        (["instances": "order=1,order=2"], "'order' is given twice"),
        (["instances": "gateway=2"], "the gateway owns the port"),
        (["instances": "shop=2"], "there is no service 'shop'"),
        (["only": "user", "instances": "order=2"], "'order' is left out by --only"),
        (["logLevel": "loud"], "--log-level: 'loud' is not a log level; choose one of trace"),
    ])
    func badValuesAreNamed(_ given: [String: String], _ message: String) {
        let flags = RunSettings.Given(
            host: given["host"], port: given["port"], data: given["data"], only: given["only"],
            instances: given["instances"], logLevel: given["logLevel"])
        let error = #expect(throws: (any Error).self) { try RunSettings(flags: flags, environment: [:]) }
        #expect("\(error.map { "\($0)" } ?? "")".contains(message))
    }

    @Test func aBadVariableIsNamedAsTheVariable() {
        let error = #expect(throws: (any Error).self) {
            try RunSettings(flags: .init(), environment: ["SHOP_INSTANCES": "many"])
        }
        #expect("\(error.map { "\($0)" } ?? "")".contains("SHOP_INSTANCES: 'many'"))
    }
}
