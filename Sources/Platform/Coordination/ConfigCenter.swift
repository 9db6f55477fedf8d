import ApusChannels
public import ApusKV
import ApusPrimitives
public import ApusResilience
public import Logging
public import ServiceLifecycle

/// The settings of a service: declared defaults, and over them what is stored for everybody, live.
///
/// A setting is declared by its default, which also says its type; only declared settings can be set, and only to values
/// of their type. Reading is synchronous and never waits for the store: while the store is away, the last known values
/// hold. Stored under `apus/config/<namespace>/<key>` as text, so that an operator's tool can read and write them.
public final class ConfigCenter: Sendable, Service {
    /// A setting as it stands.
    public struct Entry: Hashable, Sendable {
        public var key: String
        public var value: SettingValue
        public var defaultValue: SettingValue
        /// The revision that stored it, for `set(_:to:expecting:)`; `.zero` when the default holds.
        public var revision: Revision
    }

    public let namespace: String
    let store: any CoordinationStore
    let time: TimeSource
    let broadcast = Broadcast<Void>()
    private let logger: Logger
    private let follower: PrefixFollower
    private let ready = Signal<Void>()
    private let state: Locked<State>

    private struct State {
        var table: SettingsTable
        var freshness = StoreFreshness.neverSynced
        var isAway = false
    }

    /// - Parameters:
    ///   - namespace: usually the name of the service; not empty, without "/".
    ///   - defaults: every setting there is, by its key.
    public init(
        store: any CoordinationStore, namespace: String, defaults: [String: SettingValue],
        time: TimeSource = .continuous, logger: Logger
    ) {
        precondition(!namespace.isEmpty && !namespace.contains("/"), "a namespace is not empty and has no \"/\"")
        self.namespace = namespace
        self.store = store
        self.time = time
        self.logger = logger
        let state = Locked(State(table: SettingsTable(defaults: defaults)))
        follower = PrefixFollower(
            store: store, prefix: Self.prefix(of: namespace), time: time,
            known: { state.withLock { $0.table.reached } })
        self.state = state
    }

    static func prefix(of namespace: String) -> Bytes {
        Bytes("apus/config/\(namespace)/")
    }

    /// What holds now: the stored value, or the default. nil: no such setting is declared.
    public func value(for key: String) -> SettingValue? {
        state.withLock { $0.table[key] }
    }

    /// Every declared setting, in the order of the keys.
    public var entries: [Entry] {
        let table = state.withLock { $0.table }
        return table.defaults.sorted { $0.key < $1.key }.map { key, defaultValue in
            let stored = table.stored[key]
            return Entry(
                key: key, value: stored?.value ?? defaultValue, defaultValue: defaultValue,
                revision: stored?.revision ?? .zero)
        }
    }

    public func entry(for key: String) -> Entry? {
        entries.first { $0.key == key }
    }

    /// Whether the values are current.
    public var freshness: StoreFreshness {
        state.withLock { $0.freshness }
    }

    /// A notice for each change of any setting, and one at the start. Notices that were not taken become one, so that a
    /// slow consumer costs no memory: read the values after each.
    public func changes() -> ChangeNotices {
        ChangeNotices(of: broadcast)
    }

    /// The value of a setting now, and each time it is another. A slow consumer gets the latest only.
    public func updates(of key: String) -> DistinctUpdates<SettingValue?> {
        DistinctUpdates(notices: ChangeNotices(of: broadcast), read: { self.value(for: key) })
    }

    /// Returns when what is stored has been read once.
    ///
    /// - Throws: `CancellationError`.
    public func waitUntilReady() async throws {
        try await ready.value
    }

    /// Follows the store until graceful shutdown or cancellation.
    public func run() async throws {
        try await ending {
            try await self.follower.run { self.receive($0) }
        }
    }

    /// Takes in what this center itself wrote, so that its next read sees it.
    func noteWritten(_ events: [Event]) {
        change { table in
            events.flatMap { event in
                self.key(of: event.kv).map { table.apply(event, to: $0) } ?? []
            }
        }
    }

    private func receive(_ update: PrefixFollower.Update) {
        switch update {
        case .away(let error):
            let isNews = state.withLock { state in
                if state.freshness == .live { state.freshness = .lastKnown }
                defer { state.isAway = true }
                return !state.isAway
            }
            guard isNews else { return }
            logger.warning(
                "the settings' store is away: going on with the last known values",
                metadata: ["namespace": "\(namespace)", "error": "\(error)"])
        case .listed(let kvs, let revision, let lostHistory):
            if lostHistory {
                logger.warning(
                    "the settings' store lost data: going on with the last known values until they are set again",
                    metadata: ["namespace": "\(namespace)", "revision": "\(revision)"])
            }
            let settings = kvs.compactMap { kv in key(of: kv).map { (key: $0, kv: kv) } }
            change { $0.list(settings, at: revision, keepMissing: lostHistory) }
            state.withLock { state in
                state.freshness = .live
                state.isAway = false
            }
            ready.send()
        case .changed(let events, _):
            noteWritten(events)
        }
    }

    private func change(_ body: (inout SettingsTable) -> [SettingsTable.Problem]) {
        for problem in state.withLock({ body(&$0.table) }) {
            logger.warning(
                "a stored setting is not used",
                metadata: ["namespace": "\(namespace)", "key": "\(problem.key)", "reason": "\(problem.reason)"])
        }
        broadcast.notify()
    }

    private func key(of kv: KeyValue) -> String? {
        let prefix = Self.prefix(of: namespace)
        return kv.key.hasPrefix(prefix) ? Bytes(kv.key.array.dropFirst(prefix.count)).text : nil
    }
}
