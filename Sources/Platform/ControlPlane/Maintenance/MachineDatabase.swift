import ApusEtcdAPI
import ApusGRPC
import ApusKV
import ApusNode
import ApusPrimitives
import ApusRaft
import Foundation
import SwiftProtobuf

/// The state as etcd keeps it: the buckets of its database and what is in them (etcd 3.5, server/mvcc/buckets and
/// server/etcdserver/api/membership/store.go), so that a snapshot of one can be restored by the other.
struct MachineDatabase {
    typealias Entry = (key: [UInt8], value: [UInt8])

    let machine: ControlMachine
    /// The last entry of the log that the machine has, which etcd calls the consistent index.
    let index: UInt64
    let term: UInt64

    /// In the order of their names.
    func forEachBucket(_ body: (String, any Sequence<Entry>) throws -> Void) rethrows {
        try body("alarm", alarms)
        try body("auth", auth)
        try body("authRoles", roles)
        try body("authUsers", users)
        try body("cluster", cluster)
        try body("key", machine.store.history.lazy.map(Self.record))
        try body("lease", leases)
        try body("members", members)
        try body("members_removed", removed)
        try body("meta", meta)
    }

    /// Writes a database that etcd opens. Returns its size in bytes.
    func write(to file: FileHandle) throws -> Int {
        var writer = try BoltWriter(file)
        try forEachBucket { name, entries in try Self.write(entries, to: &writer, name) }
        return try writer.finish(transaction: index)
    }

    private static func write(
        _ entries: some Sequence<Entry>, to writer: inout BoltWriter, _ name: String
    ) throws {
        try writer.write(bucket: name, entries)
    }

    private static func record(_ version: KeyVersion) -> Entry {
        var kv = version.kv
        let main = kv.modRevision.rawValue
        if version.isDeletion { kv.modRevision = .zero }
        return (
            EtcdRecord.key(main: main, sub: version.place, isDeletion: version.isDeletion), EtcdRecord.value(kv)
        )
    }

    private var alarms: [Entry] {
        machine.alarms.alarms.map { (Self.bytes(EtcdAlarmMember($0)), []) }.sorted(by: Self.precedes)
    }

    private var auth: [Entry] {
        [
            (Array("authEnabled".utf8), [machine.auth.isEnabled ? 1 : 0]),
            (Array("authRevision".utf8), Self.bigEndian(machine.auth.revision)),
        ]
    }

    private var roles: [Entry] {
        machine.auth.sortedRoles.map { role in
            let message = EtcdRole.with {
                $0.name = Data(role.name.utf8)
                $0.keyPermission = role.permissions.map(EtcdPermission.init)
            }
            return (Array(role.name.utf8), Self.bytes(message))
        }
    }

    private var users: [Entry] {
        machine.auth.sortedUsers.map { user in
            let message = EtcdUser.with {
                $0.name = Data(user.name.utf8)
                $0.password = user.passwordHash.data
                $0.roles = user.roles
                // Etcd stops at a user without options.
                $0.options = .with { $0.noPassword = user.hasNoPassword }
            }
            return (Array(user.name.utf8), Self.bytes(message))
        }
    }

    private var cluster: [Entry] {
        var entries: [Entry] = [(Array("clusterVersion".utf8), Array(Downgrade.clusterVersion.utf8))]
        if let target = machine.cluster.downgradeTarget {
            entries.append(
                (Array("downgrade".utf8), Array("{\"target-version\":\"\(target)\",\"enabled\":true}".utf8)))
        }
        return entries
    }

    private var leases: [Entry] {
        machine.store.leases.map { lease in
            var value = ByteWriter()
            value.write(0x08 as UInt8)
            value.writeVariable(UInt64(bitPattern: lease.id.rawValue))
            value.write(0x10 as UInt8)
            value.writeVariable(UInt64(bitPattern: lease.grantedTTLSeconds))
            return (Self.bigEndian(UInt64(bitPattern: lease.id.rawValue)), value.bytes)
        }.sorted(by: Self.precedes)
    }

    private var members: [Entry] {
        machine.cluster.members.map { member in
            (Array(member.id.hex.utf8), MemberJSON(member).encoded)
        }.sorted(by: Self.precedes)
    }

    private var removed: [Entry] {
        machine.cluster.removed.map { (Array($0.hex.utf8), Array("removed".utf8)) }.sorted(by: Self.precedes)
    }

    private var meta: [Entry] {
        var entries: [Entry] = [(Array("consistent_index".utf8), Self.bigEndian(index))]
        if machine.store.compactedRevision > .zero {
            let revision = EtcdRecord.key(main: machine.store.compactedRevision.rawValue, sub: 0)
            entries.append((Array("finishedCompactRev".utf8), revision))
            entries.append((Array("scheduledCompactRev".utf8), revision))
        }
        entries.append((Array("term".utf8), Self.bigEndian(term)))
        return entries
    }

    static func bigEndian(_ number: UInt64) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }

    private static func bytes(_ message: some SwiftProtobuf.Message) -> [UInt8] {
        // Only messages with required fields can fail, and these have none.
        (try? message.serializedBytes()) ?? []
    }

    private static func precedes(_ left: Entry, _ right: Entry) -> Bool {
        left.key.lexicographicallyPrecedes(right.key)
    }
}

/// A member as etcd writes it.
struct MemberJSON: Codable {
    var id: UInt64
    var peerURLs: [String]?
    var isLearner: Bool?
    var name: String?
    var clientURLs: [String]?

    init(_ member: ClusterBook.Member) {
        id = member.id
        peerURLs = member.peerURLs
        isLearner = member.isLearner ? true : nil
        name = member.name.isEmpty ? nil : member.name
        clientURLs = member.clientURLs.isEmpty ? nil : member.clientURLs
    }

    fileprivate var encoded: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(self)).map { [UInt8]($0) } ?? []
    }
}
