import ApusChannels

/// Several producers and several consumers of one channel, with a clean end: when the last producer is done, the channel is
/// closed; the consumers take what is left, and their loops end.
///
/// - Returns: how much each consumer got.
func produceAndConsume(producers: Int, consumers: Int, each count: Int) async throws -> [Int] {
    let goods = Channel<Int>(capacity: 16)
    return try await withThrowingTaskGroup(of: Int?.self) { group in
        group.addTask {
            defer { goods.close() }
            try await withWaitGroup { group in
                for producer in 0..<producers {
                    try await group.go {
                        for number in 0..<count { try await goods.send(producer * count + number) }
                    }
                }
            }
            return nil
        }
        for _ in 0..<consumers {
            group.addTask {
                var eaten = 0
                for try await _ in goods { eaten += 1 }
                return eaten
            }
        }
        return try await group.compactMap { $0 }.reduce(into: []) { $0.append($1) }
    }
}
