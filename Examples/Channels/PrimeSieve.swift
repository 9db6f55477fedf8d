import ApusChannels

/// The sieve of Eratosthenes as a chain of filters that grows by one with each prime (Doug McIlroy's, in Go's first
/// tutorial). All of it ends when the task group is cancelled.
func sievePrimes(count: Int) async throws -> [Int] {
    try await withThrowingTaskGroup(of: Void.self) { group in
        let numbers = Channel<Int>()
        group.addTask {
            for number in 2... { try await numbers.send(number) }
        }
        var primes: [Int] = []
        var sieved = numbers.receiver
        while primes.count < count, let prime = try await sieved.receive() {
            primes.append(prime)
            let (source, next) = (sieved, Channel<Int>())
            group.addTask {
                for try await number in source where !number.isMultiple(of: prime) { try await next.send(number) }
            }
            sieved = next.receiver
        }
        group.cancelAll()
        return primes
    }
}
