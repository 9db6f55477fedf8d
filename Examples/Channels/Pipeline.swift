import ApusChannels

/// Stages that run side by side, each with a channel to the next; the end of the input runs down the pipe as closes.
///
/// - Returns: the sum of the squares of the even numbers up to `limit`.
func runPipeline(upTo limit: Int) async throws -> Int {
    let (numbers, evens, squares) = (Channel<Int>(capacity: 8), Channel<Int>(capacity: 8), Channel<Int>(capacity: 8))
    async let first: Void = {
        defer { numbers.close() }
        for number in 1...limit { try await numbers.send(number) }
    }()
    async let second: Void = {
        defer { evens.close() }
        for try await number in numbers where number.isMultiple(of: 2) { try await evens.send(number) }
    }()
    async let third: Void = {
        defer { squares.close() }
        for try await number in evens { try await squares.send(number * number) }
    }()
    var sum = 0
    for try await square in squares { sum += square }
    _ = try await (first, second, third)
    return sum
}
