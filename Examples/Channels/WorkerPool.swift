import ApusChannels

/// A few workers take jobs from one channel and put results on another; both are bounded, so a slow reader of the results
/// slows the workers, and busy workers slow whoever has jobs.
///
/// - Returns: the results, in the order in which they were done.
func runWorkerPool(workers: Int, jobs: [Int]) async throws -> [(job: Int, result: Int)] {
    let todo = Channel<Int>(capacity: 4)
    let done = Channel<(job: Int, result: Int)>(capacity: 4)
    async let jobsSent: Void = {
        for job in jobs { try await todo.send(job) }
        todo.close()
    }()
    async let pool: Void = {
        try await withWaitGroup { group in
            for _ in 0..<workers {
                try await group.go {
                    for try await job in todo { try await done.send((job, job * job)) }
                }
            }
        }
        done.close()
    }()
    var results: [(job: Int, result: Int)] = []
    for try await result in done { results.append(result) }
    _ = try await (jobsSent, pool)
    return results
}
