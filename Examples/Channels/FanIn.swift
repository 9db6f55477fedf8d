import ApusChannels

/// Two people talk at their own pace, and one listener hears whoever speaks first (Rob Pike's "boring" program).
///
/// - Parameters:
///   - people: two names.
///   - sayings: how much the listener hears before it has had enough.
func listen(to people: [String], sayings: Int) async throws -> [String] {
    let (left, right) = (Channel<String>(), Channel<String>())
    return try await withThrowingTaskGroup(of: Void.self) { group in
        for (name, mouth) in zip(people, [left, right]) {
            group.addTask {
                for number in 1... { try await mouth.send("\(name) \(number)") }
            }
        }
        var heard: [String] = []
        while heard.count < sayings {
            let saying = try await select {
                receive(from: left) { $0 }
                receive(from: right) { $0 }
            }
            if let saying { heard.append(saying) }
        }
        group.cancelAll()
        return heard
    }
}
