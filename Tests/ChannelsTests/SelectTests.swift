import ApusChannels
import Testing

@Suite("Select", .timeLimit(.minutes(1)))
struct SelectTests {
    @Test func itTakesWhatIsReady() async throws {
        let numbers = Channel<Int>(capacity: 1)
        let words = Channel<String>()
        try await numbers.send(7)
        let text = try await select {
            receive(from: numbers) { number in "number \(number ?? 0)" }
            receive(from: words) { word in word ?? "no more words" }
            send("x", to: words) { "sent" }
            timeout(.seconds(100)) { "late" }
        }
        #expect(text == "number 7")
        var seen = 0
        try await select {
            receive(from: numbers) { _ in seen = 1 }
            otherwise { seen = 2 }
        }
        #expect(seen == 2)
    }
}
