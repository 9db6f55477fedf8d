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

        /// - Parameter share: bytes that may wait.
        func room(_ share: Int) -> Int {
            switch self {
            case .wire(let outbox): outbox.room(share)
            case .local(let outbox): outbox.room(share)
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
    /// Responses that go into the outbox together.
    private var ready: [ByteBuffer] = []
    private var readyBytes = 0
    /// Bytes for which there certainly is room.
    private var knownRoom = 0
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
    /// Whether more should be sent; when not, the hub is told as soon as it should.
    ///
    /// - Parameter share: bytes that may wait on it.
    func hasRoom(_ share: Int) -> Bool {
        if knownRoom > 0 { return true }
        deliver()
        knownRoom = sink.room(share)
        return knownRoom > 0
    }

    /// Sends a response with the next `deliver`. Returns true for the first since the last.
    func send(_ response: ByteBuffer) -> Bool {
        ready.append(response)
        readyBytes += response.readableBytes
        knownRoom -= response.readableBytes
        return ready.count == 1
    }

    func deliver() {
        guard case .wire(let outbox) = sink, !ready.isEmpty else { return }
        outbox.add(ready, bytes: readyBytes)
        ready = []
        readyBytes = 0
    }

    /// To a part of this server.
    func send(_ event: Event, to outbox: Outbox<Event>) {
        let size = event.wireSize
        knownRoom -= size
        outbox.add(event, bytes: size)
    }
}
