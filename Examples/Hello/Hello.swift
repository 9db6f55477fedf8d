import ApusHosting
import Hummingbird

struct Greeting: ResponseCodable {
    let text: String
}

@main
struct Hello {
    static func main() async throws {
        let service = ServiceHost("hello") { router in
            router.get("/hello/{name}") { _, context in
                Greeting(text: "Hello, \(try context.parameters.require("name"))!")
            }
        }
        try await service.runService()
    }
}
