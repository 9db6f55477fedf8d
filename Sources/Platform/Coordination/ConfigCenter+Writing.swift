public import ApusKV
import ApusPrimitives
import Foundation

/// One version of a namespace's settings: what changed against the version before.
public struct ConfigVersion: Hashable, Sendable, Codable {
    public struct Change: Hashable, Sendable, Codable {
        public var key: String
        /// The stored text before; nil: the default held.
        public var old: String?
        /// The stored text after; nil: the default holds.
        public var new: String?
    }

    /// 1, 2, 3 … in each namespace.
    public var version: Int
    public var changes: [Change]
    /// When, in milliseconds since 1970 by the clock of who wrote it.
    public var unixMilliseconds: Int64
    public var note: String
}

extension ConfigCenter {
    /// How many versions are kept in a namespace.
    public static let keptVersions = 100
    /// Changes in one version; with their bookkeeping they fit one transaction.
    public static let maximumChanges = 100
    private static let attempts = 16

    /// Stores a value for everybody.
    ///
    /// - Parameters:
    ///   - value: of the declared type, or text that reads as one.
    ///   - expecting: the revision the setting must be at (`.zero`: not stored); nil overwrites whatever is there.
    /// - Returns: the revision of the setting.
    /// - Throws: `CoordinationError` `.unknownSetting`, `.wrongType`, `.conflict`, or what the store throws.
    @discardableResult
    public func set(
        _ key: String, to value: SettingValue, expecting: Revision? = nil, note: String = ""
    ) async throws -> Revision {
        let text = try checked(key, value).text
        return try await commit([key], expecting: expecting, note: note) { _ in [key: text] }
    }

    /// Removes a stored value, so that the default holds again.
    ///
    /// - Throws: as `set(_:to:expecting:note:)`.
    public func reset(_ key: String, expecting: Revision? = nil, note: String = "") async throws {
        guard self.value(for: key) != nil else { throw CoordinationError.unknownSetting(key, in: namespace) }
        _ = try await commit([key], expecting: expecting, note: note) { _ in [key: nil] }
    }

    /// The versions that are kept, newest first.
    public func history(limit: Int = keptVersions) async throws -> [ConfigVersion] {
        let request = RangeRequest(
            .range(versionKey(0), headKey), limit: limit, sortOrder: .descend, sortTarget: .key)
        return try await store.range(request).kvs.map { try decode($0) }
    }

    /// Makes the settings what they were at a version, as a new version.
    ///
    /// - Parameter version: 0 is before the first.
    /// - Throws: `.invalidRequest` when there is no such version or it is no longer kept, or as `set`.
    public func rollback(to version: Int, note: String = "") async throws {
        let newest = try await head().version
        guard (0...newest).contains(version) else {
            throw CoordinationError(.invalidRequest, "\(namespace) has no version \(version); the newest is \(newest)")
        }
        let later = try await store.range(RangeRequest(.range(versionKey(version + 1), headKey))).kvs
        let versions = try later.map { try decode($0) }
        guard versions.count >= newest - version else {
            throw CoordinationError(
                .invalidRequest, "what changed after version \(version) of \(namespace) is not kept")
        }
        var target: [String: String?] = [:]
        for change in versions.reversed().flatMap(\.changes) {
            target.updateValue(change.old, forKey: change.key)
        }
        for case (let key, let text?) in target { _ = try checked(key, .string(text)) }
        guard target.count <= Self.maximumChanges else {
            throw CoordinationError(
                .invalidRequest, "\(target.count) changes at once, more than \(Self.maximumChanges)")
        }
        let reason = note.isEmpty ? "rollback to version \(version)" : note
        let last = versions.last?.version ?? newest
        _ = try await commit(target.keys.sorted(), expecting: nil, note: reason) { head in
            guard head == last else {
                throw CoordinationError(.conflict, "\(self.namespace) was changed during the rollback")
            }
            return target
        }
    }

    private struct Head {
        var version: Int
        var revision: Revision
    }

    private var headKey: Bytes { Bytes("apus/config-history/\(namespace)/head") }

    private func versionKey(_ version: Int) -> Bytes {
        let digits = String(version)
        return Bytes("apus/config-history/\(namespace)/\(String(repeating: "0", count: 12 - digits.count))\(digits)")
    }

    private func storeKey(_ key: String) -> Bytes { Self.prefix(of: namespace) + Bytes(key) }

    private func head() async throws -> Head {
        guard let kv = try await store.get(headKey) else { return Head(version: 0, revision: .zero) }
        guard let version = Int(kv.value.text), version >= 0 else {
            throw CoordinationError(.corrupt, "\(headKey) is not the number of a version")
        }
        return Head(version: version, revision: kv.modRevision)
    }

    /// The value as it will be stored.
    private func checked(_ key: String, _ value: SettingValue) throws -> SettingValue {
        guard let current = self.value(for: key) else { throw CoordinationError.unknownSetting(key, in: namespace) }
        guard let converted = value.converted(like: current) else {
            throw CoordinationError(
                .wrongType, "the setting \(key) of \(namespace) is a \(current.typeName), not \(value)")
        }
        return converted
    }

    /// Writes changes and their version in one transaction, again when somebody else was faster.
    ///
    /// - Parameter changes: the new texts by key, given the number of the version before; nil removes.
    private func commit(
        _ keys: [String], expecting: Revision?, note: String, changes: (Int) throws -> [String: String?]
    ) async throws -> Revision {
        for _ in 0..<Self.attempts {
            let head = try await head()
            var compares = [Compare.unchanged(headKey, since: head.revision)]
            var version = ConfigVersion(
                version: head.version + 1, changes: [], unixMilliseconds: Int64(Date().timeIntervalSince1970 * 1_000),
                note: note)
            var revision = Revision.zero
            let wanted = try changes(head.version)
            for key in keys {
                let known = try await store.get(storeKey(key))
                revision = known?.modRevision ?? .zero
                if let expecting, expecting != revision {
                    throw CoordinationError(
                        .conflict, "the setting \(key) of \(namespace) is at revision \(revision), not \(expecting)")
                }
                compares.append(.unchanged(storeKey(key), since: revision))
                let new = wanted[key] ?? nil
                guard known?.value.text != new else { continue }
                version.changes.append(ConfigVersion.Change(key: key, old: known?.value.text, new: new))
            }
            if version.changes.isEmpty { return revision }
            if let written = try await write(version, when: compares) { return written }
        }
        throw CoordinationError(
            .conflict, "\(namespace) is changed by others all the time", retry: .after(.milliseconds(100)))
    }

    private func write(_ version: ConfigVersion, when compares: [Compare]) async throws -> Revision? {
        var operations = version.changes.map { change -> ApusKV.Operation in
            guard let text = change.new else { return .delete(DeleteRangeRequest(.key(storeKey(change.key)))) }
            return .put(PutRequest(key: storeKey(change.key), value: Bytes(text)))
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        operations.append(
            .put(PutRequest(key: versionKey(version.version), value: Bytes(try encoder.encode(version)))))
        operations.append(.put(PutRequest(key: headKey, value: Bytes(String(version.version)))))
        if version.version > Self.keptVersions {
            let old = KeyRange.range(versionKey(0), versionKey(version.version - Self.keptVersions + 1))
            operations.append(.delete(DeleteRangeRequest(old)))
        }
        let response = try await store.txn(TxnRequest(compares: compares, success: operations))
        guard response.succeeded else { return nil }
        noteWritten(version.changes.map { event(for: $0, at: response.revision) })
        return response.revision
    }

    private func event(for change: ConfigVersion.Change, at revision: Revision) -> Event {
        Event(
            kind: change.new == nil ? .delete : .put,
            kv: KeyValue(
                key: storeKey(change.key), value: Bytes(change.new ?? ""), createRevision: .zero,
                modRevision: revision, version: 0))
    }

    private func decode(_ kv: KeyValue) throws -> ConfigVersion {
        do {
            return try JSONDecoder().decode(ConfigVersion.self, from: Data(kv.value.array))
        } catch {
            throw CoordinationError(.corrupt, "\(kv.key) is not a version of the settings", cause: error)
        }
    }
}
