import ArgumentParser
import Foundation

/// How many instances of each service a process runs: one number for all, or a number for some.
struct InstancePlan: Sendable, Equatable {
    /// Beyond this a single process gains nothing: its instances share the same cores and the same file.
    static let maximum = 16

    private var all = 1
    private var some: [ShopPart: Int] = [:]

    init() {}

    /// Reads `3`, or `order=2,inventory=3`.
    init(_ text: String, from name: String, among parts: Set<ShopPart>) throws {
        if let number = Int(text.trimmingCharacters(in: .whitespaces)) {
            all = try Self.checked(number, text, name)
            return
        }
        for pair in text.split(separator: ",", omittingEmptySubsequences: false) {
            let sides = pair.split(separator: "=", omittingEmptySubsequences: false)
                .map { $0.trimmingCharacters(in: .whitespaces) }
            guard sides.count == 2 else {
                throw ValidationError(
                    "\(name): '\(pair)' is neither a number nor like order=2; try order=2,inventory=3")
            }
            guard let part = ShopPart(rawValue: sides[0]) else {
                throw ValidationError("\(name): there is no service '\(sides[0])'; choose from \(ShopPart.names)")
            }
            guard part != .gateway else {
                throw ValidationError("\(name): the gateway owns the port, so it runs once; leave it out")
            }
            guard parts.contains(part) else {
                throw ValidationError("\(name): '\(part.rawValue)' is left out by --only, so it has no instances here")
            }
            guard some[part] == nil else { throw ValidationError("\(name): '\(part.rawValue)' is given twice") }
            some[part] = try Self.checked(Int(sides[1]), sides[1], name)
        }
    }

    func count(of part: ShopPart) -> Int {
        part == .gateway ? 1 : some[part] ?? all
    }

    private static func checked(_ number: Int?, _ text: String, _ name: String) throws -> Int {
        guard let number, (1...maximum).contains(number) else {
            throw ValidationError("\(name): '\(text)' is not a number of instances; give 1 to \(maximum)")
        }
        return number
    }
}
