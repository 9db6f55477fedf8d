import ApusPrimitives

/// One change of one key. The indices share it, so that each holds a pointer and not a copy.
final class Record: Sendable {
    /// For a deletion only the key and the mod revision are set.
    let kv: KeyValue
    /// The place of the change within its revision.
    let sub: Int64

    init(kv: KeyValue, sub: Int64) {
        self.kv = kv
        self.sub = sub
    }

    convenience init(deletionOf key: Bytes, at point: Point) {
        let kv = KeyValue(
            key: key, value: .empty, createRevision: .zero, modRevision: Revision(point.main), version: 0)
        self.init(kv: kv, sub: point.sub)
    }

    /// What an index entry, revisions and pointers take beside the key and the value.
    static let overheadBytes: Int64 = 96

    /// For `KVStore.storedBytes`.
    var bytes: Int64 { Int64(kv.key.count + kv.value.count) + Self.overheadBytes }
    var isDeletion: Bool { kv.version == 0 }
    var point: Point { Point(main: kv.modRevision.rawValue, sub: sub) }
    var versionKey: VersionKey { VersionKey(key: kv.key, point: point) }
}

/// A change's place in the history: the revision, and the place within it.
struct Point: Comparable, Sendable {
    let main: Int64
    let sub: Int64

    static func start(of main: Int64) -> Point { Point(main: main, sub: 0) }
    static func end(of main: Int64) -> Point { Point(main: main, sub: .max) }

    static func < (left: Self, right: Self) -> Bool {
        left.main != right.main ? left.main < right.main : left.sub < right.sub
    }
}

struct VersionKey: Comparable, Sendable {
    let key: Bytes
    let point: Point

    static func < (left: Self, right: Self) -> Bool {
        let order = left.key.compared(to: right.key)
        return order == 0 ? left.point < right.point : order < 0
    }
}
