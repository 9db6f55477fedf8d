import ApusChannels
import ApusPrimitives
import ApusResilience
import Logging
import ServiceLifecycle

extension SagaCoordinator {
    /// The claims could not be renewed in time, so another coordinator may have them.
    private struct ClaimsExpired: Error {}

    /// Works until a graceful shutdown, which lets every step reach its next durable point, or until cancelled.
    ///
    /// A database that fails is tried again for ever; nothing is thrown for it.
    public func run() async throws {
        await withGracefulShutdownHandler {
            while !isStopping, !Task.isCancelled {
                do {
                    try await session()
                } catch is ClaimsExpired {
                    logger.warning("saga claims expired before they were renewed; starting over")
                } catch {
                    logger.error("the saga coordinator starts over", metadata: ["error": "\(error)"])
                    try? await time.sleep(for: settings.pollInterval)
                }
            }
        } onGracefulShutdown: {
            self.active.withLock { $0.isStopping = true }
            self.announceNews()
        }
        // Not cancelled with this task: whoever goes on need not wait for the claims to expire.
        await Task { await self.releaseClaims() }.value
    }

    var isStopping: Bool { active.withLock { $0.isStopping } }

    /// From taking over to stopping, or to the loss of the claims.
    private func session() async throws {
        let taken = try await store.takeOver(names, at: wallClock())
        if taken.claims > 0 || taken.stuck > 0 {
            logger.info(
                "took over sagas of an earlier run",
                metadata: ["claims": "\(taken.claims)", "stuck": "\(taken.stuck)", "owner": "\(owner)"])
        }
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { try await self.renewClaims() }
            group.addTask { await self.keepHouse() }
            // A child that throws cancels the group, and not this task.
            while !isStopping, !Task.isCancelled, !group.isCancelled {
                let wakes = await startDue(in: &group)
                await waitForNews(until: wakes)
            }
            await waitForActive()
            group.cancelAll()
        }
    }

    /// Claims what is due and there is room for.
    ///
    /// - Returns: when to look again.
    private func startDue(in group: inout ThrowingDiscardingTaskGroup<any Error>) async -> MonotonicTime {
        let now = wallClock()
        let later = time.now() + settings.pollInterval
        let ids = active.withLock { $0.ids }
        let room = settings.maxConcurrent - ids.count
        guard room > 0 else { return later }
        do {
            let found = try await store.claim(
                names, limit: room, excluding: ids, at: now, until: now + claimMilliseconds)
            for saga in found.sagas {
                metrics.counted(
                    active: active.withLock { active in
                        active.ids.insert(saga.record.id)
                        return active.ids.count
                    })
                group.addTask { await self.execute(saga) }
            }
            guard let due = found.nextDue, room > found.sagas.count else { return later }
            return min(later, time.now() + .milliseconds(max(0, due - wallClock())))
        } catch {
            if !Task.isCancelled {
                logger.error("could not look for due sagas", metadata: ["error": "\(error)"])
            }
            return later
        }
    }

    private func execute(_ saga: ClaimedSaga) async {
        let definition = definitions.withLock { $0[saga.record.name] }
        if let definition {
            await SagaExecution(saga, definition: definition, coordinator: self).run()
        }
        metrics.counted(
            active: active.withLock { active in
                active.ids.remove(saga.record.id)
                return active.ids.count
            })
        announceNews()
    }

    func announceNews() {
        _ = news.trySend(())
    }

    /// Returns when there is news, at `moment`, or when the task is cancelled.
    private func waitForNews(until moment: MonotonicTime) async {
        try? await select {
            receive(from: news) { _ in }
            timeout(moment - time.now(), time: time) {}
        }
    }

    private func waitForActive() async {
        let end = time.now() + settings.shutdownTimeout
        while !Task.isCancelled, active.withLock({ !$0.ids.isEmpty }), time.now() < end {
            await waitForNews(until: end)
        }
    }

    private func renewClaims() async throws {
        var valid = time.now() + settings.claimTTL
        while !Task.isCancelled {
            do {
                try await time.sleep(for: settings.claimTTL / 3)
            } catch {
                return
            }
            let start = time.now()
            do {
                if start < valid {
                    try await store.renew(until: wallClock() + claimMilliseconds)
                    valid = start + settings.claimTTL
                }
            } catch {
                logger.warning("could not renew saga claims", metadata: ["error": "\(error)"])
            }
            if time.now() >= valid, !Task.isCancelled {
                announceNews()
                throw ClaimsExpired()
            }
        }
    }

    /// Purges what ended long ago, and counts what is stuck.
    private func keepHouse() async {
        while !Task.isCancelled {
            do {
                metrics.counted(stuck: try await store.countStuck(known: names, at: wallClock()))
                let limit = wallClock() - settings.retention.nanoseconds / 1_000_000
                let batch = max(settings.purgeBatch, 1)
                while try await store.purge(endedBefore: limit, limit: batch) == batch {}
            } catch {
                if !Task.isCancelled { logger.warning("saga housekeeping failed", metadata: ["error": "\(error)"]) }
            }
            try? await time.sleep(for: settings.pollInterval * 10)
        }
    }

    private func releaseClaims() async {
        do {
            try await store.release(at: wallClock())
        } catch {
            logger.warning("could not release saga claims; they expire", metadata: ["error": "\(error)"])
        }
    }

    var claimMilliseconds: Int64 { settings.claimTTL.nanoseconds / 1_000_000 }
}
