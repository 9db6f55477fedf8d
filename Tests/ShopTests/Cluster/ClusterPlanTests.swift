import ArgumentParser
import Foundation
import Testing

@testable import shop

struct ClusterPlanTests {
    private let programs = ClusterPlan.Programs(shop: "/bin/shop", apus: "/bin/apus")
    private let ports = ClusterPorts(clients: [1, 2, 3], peers: [4, 5, 6])

    private func settings(
        _ controlPlane: ControlPlaneAccess.Given = .init(), environment: [String: String] = [:]
    ) throws -> RunSettings {
        try ClusterSettings(flags: .init(data: "/data", controlPlane: controlPlane), environment: environment).common
    }

    @Test func threeNodesAndTwoOfEverythingElse() throws {
        let plan = try ClusterPlan(
            settings(), programs: programs, nodePorts: ports, gatewayPorts: [8080, 8081], environment: [:])
        #expect(plan.members.count == 19)
        #expect(Set(plan.members.map(\.name)).count == 19)
        #expect(plan.nodes.map(\.url) == ["http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3"])
        let cluster = "node-1=http://127.0.0.1:4,node-2=http://127.0.0.1:5,node-3=http://127.0.0.1:6"
        #expect(plan.nodes.allSatisfy { $0.program == "/bin/apus" && $0.arguments.contains(cluster) })
        for part in ShopPart.services {
            #expect(plan.services.filter { $0.name.hasPrefix("\(part.rawValue)-") }.count == 2)
        }
        #expect(plan.gateways.map(\.url) == ["http://127.0.0.1:8080", "http://127.0.0.1:8081"])
        let endpoints = "http://127.0.0.1:1,http://127.0.0.1:2,http://127.0.0.1:3"
        for member in plan.services + plan.gateways { #expect(member.environment["SHOP_ENDPOINTS"] == endpoints) }
    }

    @Test func aPasswordIsInNoCommandLineAndSettingsOfTheStarterGoToNobody() throws {
        let access = ControlPlaneAccess.Given(
            endpoints: "https://a:2379, b:2379", user: "root:a:secret", cacert: "ca.pem", cert: "c.pem", key: "k.pem")
        let plan = try ClusterPlan(
            settings(access), programs: programs, nodePorts: nil, gatewayPorts: [1, 2],
            environment: ["SHOP_ONLY": "user", "ETCD_NAME": "x", "ETCDCTL_USER": "y", "PATH": "/bin"])
        #expect(plan.nodes.isEmpty)
        let variables = [
            "PATH": "/bin", "SHOP_ENDPOINTS": "https://a:2379,b:2379", "SHOP_USER": "root:a:secret",
            "SHOP_CACERT": "ca.pem", "SHOP_CERT": "c.pem", "SHOP_KEY": "k.pem", "SHOP_FAULTS": "0",
        ]
        for member in plan.members {
            #expect(member.environment == variables)
            #expect(!member.arguments.contains { $0.contains("secret") })
        }
    }

    @Test func itsFolderIsAnotherThanThatOfAShopInOneProcess() throws {
        let settings = try ClusterSettings(flags: .init(), environment: ["SHOP_ONLY": "user"])
        #expect(settings.common.data.lastPathComponent == "shop-cluster-data")
        #expect(settings.common.parts == Set(ShopPart.allCases), "what is for one process does not count here")
        let given = try ClusterSettings(flags: .init(), environment: ["SHOP_DATA": "/there"])
        #expect(given.common.data.lastPathComponent == "there")
    }

    @Test func mistakesAreNamed() {
        let tooHigh = #expect(throws: ValidationError.self) {
            try ClusterSettings(flags: .init(port: "65535"), environment: [:])
        }
        #expect(tooHigh?.message.contains("at most 65534") == true)
        let both = #expect(throws: ValidationError.self) {
            try ClusterSettings(
                flags: .init(controlPlane: .init(endpoints: "a:1")), apus: "/bin/apus", environment: [:])
        }
        #expect(both?.message.contains("leave one of both out") == true)
    }
}
