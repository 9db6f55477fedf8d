import ApusPrimitives
import TestSupport
import Testing

@testable import ApusChannels

@Suite("Channel executor", .timeLimit(.minutes(1)))
struct ChannelExecutorTests {
    /// The number of the thread of `executor` that this runs on; nil elsewhere.
    static func thread(of executor: ChannelExecutor) -> Int? {
        guard let worker = ExecutorThread.worker, worker.executor === executor else { return nil }
        return worker.index
    }

    @Test(arguments: [1, 2, 4])
    func childTasksRunOnItsThreads(_ threads: Int) async {
        let executor = ChannelExecutor(threads: threads)
        await withTaskExecutorPreference(executor) {
            await withTaskGroup(of: Int?.self) { group in
                for _ in 0..<50 { group.addTask { Self.thread(of: executor) } }
                for await thread in group { #expect((0..<threads).contains(thread ?? -1)) }
            }
        }
        await executor.shutdown()
    }

    @Test func runGivesBackWhatTheBodyReturnsOrThrows() async throws {
        struct Failure: Error {}
        #expect(await ChannelExecutor.run(threads: 1) { 7 } == 7)
        await #expect(throws: Failure.self) { try await ChannelExecutor.run(threads: 1) { throw Failure() } }
    }

    @Test func tasksThatTalkShareAThread() async throws {
        let executor = ChannelExecutor(threads: 2)
        let rounds = 5_000
        let together = try await withTaskExecutorPreference(executor) {
            let there = Channel<Int>()
            let back = Channel<Int?>()
            async let echo: Void = {
                while try await there.receive() != nil { try await back.send(Self.thread(of: executor)) }
            }()
            var together = 0
            for round in 0..<rounds {
                try await there.send(round)
                let other = try await back.receive() ?? nil
                if other == Self.thread(of: executor) { together += 1 }
            }
            there.close()
            try await echo
            return together
        }
        #expect(together > rounds * 9 / 10)
        await executor.shutdown()
    }

    @Test func aTaskThatYieldsForeverStarvesNobody() async {
        await ChannelExecutor.run(threads: 1) {
            let done = Locked(false)
            await withTaskGroup(of: Void.self) { group in
                group.addTask { while !done.withLock({ $0 }) { await Task.yield() } }
                group.addTask { done.withLock { $0 = true } }
            }
        }
    }

    @Test func workFromOutsideIsNotStarvedByTasksThatTalk() async throws {
        let executor = ChannelExecutor(threads: 1)
        let channel = Channel<Int>()
        let talk = Task(executorPreference: executor) {
            async let sent: Void = { while true { try await channel.send(1) } }()
            while try await channel.receive() != nil {}
            _ = try? await sent
        }
        let ends = await Task(executorPreference: executor) { channel.close() }.value
        #expect(ends)
        try await talk.value
        await executor.shutdown()
    }

    @Test func aThreadThatIsBlockedDoesNotStallWhatOthersCouldRun() async {
        await ChannelExecutor.run(threads: 2) {
            let child = ThreadParker()
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<10 {
                    // Each child waits behind this job, whose thread is blocked until another thread takes the child over.
                    group.addTask { child.unpark() }
                    Self.block(child)
                }
            }
        }
    }

    /// Blocks the thread, as a job should not but may.
    private static func block(_ parker: ThreadParker) {
        parker.park()
    }

    @Test func jobsFromManyThreadsAllRun() async {
        let executor = ChannelExecutor(threads: 3)
        let count = Locked(0)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<250 {
                        await Task(executorPreference: executor) { count.withLock { $0 += 1 } }.value
                    }
                }
            }
        }
        #expect(count.withLock { $0 } == 2_000)
        await executor.shutdown()
    }

    @Test func withoutWorkAllThreadsSleepAndNobodyKeepsWatch() async throws {
        let executor = ChannelExecutor(threads: 3)
        await withTaskExecutorPreference(executor) {
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<100 { group.addTask { await Task.yield() } }
            }
        }
        try await eventually { (0..<3).allSatisfy { executor.role($0) == .sleeping } }
        await executor.shutdown()
    }

    @Test func shutdownRunsWhatIsReadyAndLosesNothing() async {
        for threads in 1...3 {
            let executor = ChannelExecutor(threads: threads)
            let count = Locked(0)
            let tasks = (0..<200).map { number in
                Task(executorPreference: executor) {
                    for _ in 0..<(number % 7) { await Task.yield() }
                    count.withLock { $0 += 1 }
                }
            }
            await executor.shutdown()
            for task in tasks { await task.value }
            #expect(count.withLock { $0 } == 200)
        }
    }

    @Test func afterShutdownItsTasksGoOnElsewhere() async throws {
        let executor = ChannelExecutor(threads: 2)
        let channel = Channel<Int>()
        let waiting = Task(executorPreference: executor) {
            let number = try await channel.receive()
            return (number, Self.thread(of: executor))
        }
        await channel.waitForReceivers(1)
        await executor.shutdown()
        await executor.shutdown()
        try await channel.send(5)
        let (number, thread) = try await waiting.value
        #expect(number == 5)
        #expect(thread == nil)
    }

    @Test func shutdownFromOneOfItsOwnTasksReturns() async {
        let executor = ChannelExecutor(threads: 2)
        await Task(executorPreference: executor) { await executor.shutdown() }.value
        #expect(Self.thread(of: executor) == nil)
    }
}
