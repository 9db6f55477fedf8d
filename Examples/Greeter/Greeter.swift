import ApusGRPC
import Foundation

/// `greeter serve [PORT]` is a gRPC service; `greeter say NAME [PORT]` calls it.
@main
struct Greeter {
    static func main() async {
        do {
            try await run()
        } catch {
            FileHandle.standardError.write(Data("greeter: \(error)\n".utf8))
            exit(1)
        }
    }

    private static func run() async throws {
        let arguments = CommandLine.arguments.dropFirst()
        switch (arguments.first, arguments.count) {
        case ("serve", 1...2): try await serve(port: try port(arguments.dropFirst().first))
        case ("say", 2...3): print(try await say(arguments[2], port: try port(arguments.dropFirst(2).first)))
        default: throw Usage(description: "usage: greeter serve [PORT] | greeter say NAME [PORT]")
        }
    }

    private static func port(_ text: String?) throws -> Int {
        guard let text else { return 50051 }
        guard let port = UInt16(text), port > 0 else {
            throw Usage(description: "a port is a number from 1 to 65535, not '\(text)'")
        }
        return Int(port)
    }
}

struct Usage: Error, CustomStringConvertible {
    let description: String
}
