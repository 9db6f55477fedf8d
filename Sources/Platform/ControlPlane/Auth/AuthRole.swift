import ApusKV
import ApusPrimitives

/// A name for a set of permissions.
struct AuthRole: Hashable, Sendable {
    /// May do everything, whatever permissions it has.
    static let root = "root"

    let name: String
    /// In the order of their keys.
    private(set) var permissions: [AuthPermission] = []
    private(set) var readable = KeyIntervals(EmptyCollection())
    private(set) var writable = KeyIntervals(EmptyCollection())

    init(name: String, permissions: [AuthPermission] = []) {
        self.name = name
        for permission in permissions { grant(permission) }
    }

    /// A permission on the very same range is replaced.
    mutating func grant(_ permission: AuthPermission) {
        if let index = permissions.firstIndex(where: { $0.isOn(permission.key, permission.rangeEnd) }) {
            permissions[index] = permission
        } else {
            let index = permissions.firstIndex { $0.key > permission.key } ?? permissions.endIndex
            permissions.insert(permission, at: index)
        }
        merge()
    }

    /// Returns whether the role had it.
    mutating func revoke(key: Bytes, rangeEnd: Bytes) -> Bool {
        let before = permissions.count
        permissions.removeAll { $0.isOn(key, rangeEnd) }
        guard permissions.count < before else { return false }
        merge()
        return true
    }

    private mutating func merge() {
        readable = KeyIntervals(permissions.lazy.filter(\.kind.mayRead).map(\.range))
        writable = KeyIntervals(permissions.lazy.filter(\.kind.mayWrite).map(\.range))
    }

    static func == (left: AuthRole, right: AuthRole) -> Bool {
        left.name == right.name && left.permissions == right.permissions
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(name)
        hasher.combine(permissions)
    }
}

/// What may be done with a range of keys.
struct AuthPermission: Hashable, Sendable {
    enum Kind: UInt8, Sendable, CaseIterable {
        case read
        case write
        case readWrite

        var mayRead: Bool { self != .write }
        var mayWrite: Bool { self != .read }
    }

    var kind: Kind
    /// As it was granted, for whoever lists or revokes it. An empty key stands for no key at all.
    var key: Bytes
    var rangeEnd: Bytes

    var range: KeyRange { KeyRange(key: key, rangeEnd: rangeEnd) }

    func isOn(_ key: Bytes, _ rangeEnd: Bytes) -> Bool {
        self.key == key && self.rangeEnd == rangeEnd
    }
}
