import ApusEtcdAPI
import ApusKV
import DequeModule
import NIOCore

/// The watches of one caller: of a gRPC stream, or of a part of this server that waits for a key.
// Safe: it belongs to the event loop of its hub; others pass it along, and use what is `let`.
final class WatchStream: @unchecked Sendable {
    enum Sink: Sendable {
        /// Responses of etcd's Watch, encoded.
        case wire(Outbox<ByteBuffer>)
        case local(Outbox<Event>)

        func hasRoom() -> Bool {
            switch self {
            case .wire(let outbox): outbox.hasRoom()
            case .local(let outbox): outbox.hasRoom()
            }
        }

        func end(_ error: (any Error)?) {
            switch self {
            case .wire(let outbox): outbox.end(error)
            case .local(let outbox): outbox.end(error)
            }
        }
    }

    /// One watch. It keeps its ID when its history was compacted, until the caller cancels it, as in etcd.
    final class Watch {
        let id: Int64
        let start: Revision
        let wantsProgress: Bool
        let wantsFragments: Bool
        /// Nil once it is over.
        var watcher: WatcherID?
        /// Nothing was sent since the last time that progress was due.
        var isProgressDue = true

        init(id: Int64, start: Revision, wantsProgress: Bool, wantsFragments: Bool, watcher: WatcherID?) {
            self.id = id
            self.start = start
            self.wantsProgress = wantsProgress
            self.wantsFragments = wantsFragments
            self.watcher = watcher
        }
    }

    /// Events that have been taken from the store's watchers and not sent yet.
    struct Unsent {
        let watch: Watch
        let revision: Revision
        let events: ArraySlice<Event>
    }

    let sink: Sink
    var watches: [Int64: Watch] = [:]
    var nextID: Int64 = 0
    var unsent: Deque<Unsent> = []
    /// Watchers whose turn came while the caller did not take.
    var parked: [WatcherID] = []
    /// How often the caller asked how far all of its watches are, without an answer yet.
    var owedProgress = 0
    var progressAt = NIODeadline.distantFuture
    var isOpen = true

    init(sink: Sink) {
        self.sink = sink
    }

    /// The next free ID of those that the server chooses.
    func chooseID() -> Int64 {
        while watches[nextID] != nil { nextID += 1 }
        defer { nextID += 1 }
        return nextID
    }
}
