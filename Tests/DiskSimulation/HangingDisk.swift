import ApusPrimitives
package import ApusStorage
import Dispatch

/// The machine's disk, whose syncs hang while it is told so.
package final class HangingDisk: Sendable {
    private let gate = DispatchSemaphore(value: 0)
    private let hangs = Locked(false)
    private let reached = Locked(false)

    package init() {}

    package var disk: Disk {
        var disk = Disk.posix
        disk.sync = { file in
            if self.hangs.withLock({ $0 }) {
                self.reached.withLock { $0 = true }
                self.gate.wait()
            }
            return Disk.posix.sync(file)
        }
        return disk
    }

    /// Whether a sync has come as far as to hang.
    package var isHanging: Bool { reached.withLock { $0 } }

    package func hang() {
        hangs.withLock { $0 = true }
    }

    /// Lets the sync that hangs go on, or the next one that would.
    package func goOn() {
        hangs.withLock { $0 = false }
        gate.signal()
    }
}
