import ApusPrimitives

@testable import ApusChannels

extension Channel where Element: ~Copyable {
    private func length(_ queue: ChannelQueue<Element, ChannelWaiter>) -> Int {
        var count = 0
        var node = queue.first
        while let place = node {
            count += 1
            node = place.pointee.next
        }
        return count
    }

    var waitingSenders: Int {
        lock.lock()
        defer { lock.unlock() }
        return length(state.senders)
    }

    var waitingReceivers: Int {
        lock.lock()
        defer { lock.unlock() }
        return length(state.receivers)
    }

    /// Gives way to other tasks until that many wait; a test's time limit ends it.
    func waitForSenders(_ wanted: Int) async {
        while waitingSenders < wanted { await Task.yield() }
    }

    func waitForReceivers(_ wanted: Int) async {
        while waitingReceivers < wanted { await Task.yield() }
    }
}
