import ApusPrimitives
import ApusResilience

extension Simulation {
    mutating func receive(_ attempt: Int, on server: Int) {
        record.sent(at: now)
        if case .failing = servers[server].fault {
            return queue.schedule(.failed(attempt: attempt), at: now + .milliseconds(1))
        }
        do {
            attempts[attempt].place = try servers[server].limit?.acquire(
                calls[attempts[attempt].call].priority, at: now)
        } catch {
            return fail(attempt, .refused(error))
        }
        guard servers[server].waiting < scenario.queueBound else {
            return queue.schedule(.failed(attempt: attempt), at: now + .milliseconds(1))
        }
        servers[server].enqueue(attempt)
        work(on: server)
    }

    /// Gives idle workers what waits.
    mutating func work(on server: Int) {
        if case .outage = servers[server].fault { return }
        while servers[server].busyWorkers < scenario.workers, let attempt = servers[server].dequeue() {
            if scenario.policies.passesDeadline, attempts[attempt].isOver { continue }
            let job = SimulatedServer.Job(attempt: attempt, place: attempts[attempt].place)
            attempts[attempt].place = nil
            var time = scenario.serviceTime.sample(&servers[server].random)
            if case .slow(let factor) = servers[server].fault { time = .seconds(time.seconds * factor) }
            servers[server].busyWorkers += 1
            servers[server].work += time
            queue.schedule(.done(server: server, job), at: now + time)
        }
    }

    mutating func finish(_ job: SimulatedServer.Job, on server: Int) {
        servers[server].busyWorkers -= 1
        if let place = job.place { servers[server].limit?.release(place, .completed, at: now) }
        succeed(job.attempt)
        work(on: server)
    }
}
