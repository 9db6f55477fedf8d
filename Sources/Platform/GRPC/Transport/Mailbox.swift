import ApusPrimitives
import NIOCore

/// What other threads hand to a connection: many posts, one wake of its event loop.
final class Mailbox<Post: Sendable>: Sendable {
    private struct State {
        var posts: [Post] = []
        var isScheduled = false
        var isClosed = false
    }

    private let state = Locked(State())
    private let loop: any EventLoop
    private let deliver: @Sendable () -> Void

    /// - Parameter deliver: called on the loop; takes the posts with `take`.
    init(loop: any EventLoop, deliver: @escaping @Sendable () -> Void) {
        self.loop = loop
        self.deliver = deliver
    }

    /// False when it is closed: nobody takes the post.
    @discardableResult
    func post(_ post: Post) -> Bool {
        let (isTaken, wakes) = state.withLock { state in
            guard !state.isClosed else { return (false, false) }
            state.posts.append(post)
            defer { state.isScheduled = true }
            return (true, !state.isScheduled)
        }
        if wakes { loop.execute(deliver) }
        return isTaken
    }

    /// Takes no more posts; those that it has are still to be taken.
    func close() {
        state.withLock { $0.isClosed = true }
    }

    /// All posts since the last time, in order. `spare` is an emptied array whose storage is used again.
    func take(_ spare: inout [Post]) {
        state.withLock { state in
            swap(&state.posts, &spare)
            state.isScheduled = false
        }
    }
}
