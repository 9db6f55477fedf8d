import Testing

@Suite struct TidyTests {
    /// Something that must not be, and what tidy says to it: its line and its rule.
    struct Plant {
        let rule: String
        let line: Int
        let path: String
        let content: String

        init(_ rule: String, line: Int = 1, _ path: String, _ content: String) {
            self.rule = rule
            self.line = line
            self.path = path
            self.content = content
        }
    }

    /// A clean tree and all of `plants`, each in a folder of its own, and what tidy should say to them.
    private func tree(with plants: [Plant]) throws -> (tree: PlantedTree, breaches: [String]) {
        let tree = try PlantedTree()
        var breaches: [String] = []
        for (number, plant) in plants.enumerated() {
            var parts = plant.path.split(separator: "/").map(String.init)
            parts.insert("\(number)", at: parts.count - 1)
            let path = parts.joined(separator: "/")
            try tree.write(plant.content, to: path)
            breaches.append("\(path):\(plant.line): \(plant.rule)")
        }
        return (tree, breaches)
    }

    @Test func aCleanTreePasses() throws {
        let report = try PlantedTree().tidy()
        #expect(report.output == "")
        #expect(report.status == 0)
    }

    @Test func everyBreachIsNamedWithFileLineAndRule() throws {
        let (tree, breaches) = try tree(with: Self.breaches)
        let report = try tree.tidy()
        let missed = Set(breaches).subtracting(report.breaches)
        let invented = Set(report.breaches).subtracting(breaches)
        #expect(missed.isEmpty)
        #expect(invented.isEmpty)
        #expect(report.breaches.count == breaches.count)
        #expect(report.status == 1)
    }

    @Test func oneBreachIsEnough() throws {
        let tree = try PlantedTree()
        try tree.write("import Foundation\n", to: "Sources/Cores/KV/Bad.swift")
        let report = try tree.tidy()
        #expect(report.status == 1)
        #expect(report.output == "Sources/Cores/KV/Bad.swift:1: core-import: a core may not import Foundation\n")
    }

    @Test func whatOnlyLooksLikeABreachPasses() throws {
        let report = try tree(with: Self.permitted).tree.tidy()
        #expect(report.output == "")
        #expect(report.status == 0)
    }

    @Test func everyRuleHasABreachHere() throws {
        let rules = try PlantedTree.tidy("--rules").output.split(separator: "\n").map { $0.prefix { $0 != " " } }
        #expect(rules.map(String.init) == Set(Self.breaches.map(\.rule)).sorted())
    }

    @Test func aFolderWithoutAPackageIsRefused() throws {
        #expect(try PlantedTree.tidy("/nowhere").status == 2)
    }
}
