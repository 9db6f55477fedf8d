import ApusEtcdAPI
import ApusGRPC
import ApusKV
import ApusNode
import ApusPrimitives
import ApusRaft
import Foundation
import SwiftProtobuf

/// Makes a state of a database that etcd or this server wrote; members are left out, for who restores it says who they are.
struct DatabaseDecoder {
    private var history: [KeyVersion] = []
    private var leases: [(id: LeaseID, ttlSeconds: Int64)] = []
    private var finished: Int64 = -1
    private var scheduled: Int64 = -1
    private var auth = AuthStore()
    private var alarms = AlarmBook()

    private static let minimumLeaseTTLSeconds: Int64 = 2

    /// - Throws: `SnapshotError`; what of the database cannot be.
    static func machine(from database: BoltReader, cluster: ClusterBook) throws -> ControlMachine {
        var decoder = DatabaseDecoder()
        try database.forEachBucket { name, root in
            try database.forEach(in: root) { key, value in try decoder.take(name, key, value) }
        }
        return try decoder.finish(cluster)
    }

    private mutating func take(_ bucket: String, _ key: Data, _ value: Data) throws {
        switch bucket {
        case "key": history.append(try Self.version(key, value))
        case "lease": leases.append(try Self.lease(value))
        case "meta":
            switch String(decoding: key, as: UTF8.self) {
            case "finishedCompactRev": finished = try Self.revision(value).main
            case "scheduledCompactRev": scheduled = try Self.revision(value).main
            default: break
            }
        case "auth", "authUsers", "authRoles": try takeAuth(bucket, key, value)
        case "alarm":
            let alarm = try EtcdAlarmMember(serializedBytes: key)
            if let kind = AlarmKind(alarm.alarm) {
                _ = alarms.apply(.activate(.init(kind: kind, member: alarm.memberID)))
            }
        default: break
        }
    }

    private mutating func takeAuth(_ bucket: String, _ key: Data, _ value: Data) throws {
        switch (bucket, String(decoding: key, as: UTF8.self)) {
        case ("auth", "authEnabled"): auth.isEnabled = value.first == 1
        case ("auth", "authRevision"): auth.revision = max(1, try Self.number(value))
        case ("authUsers", let name):
            let user = try EtcdUser(serializedBytes: value)
            auth.users[name] = AuthUser(
                name: name, passwordHash: Bytes(user.password), hasNoPassword: user.options.noPassword,
                roles: user.roles)
        case ("authRoles", let name):
            let role = try EtcdRole(serializedBytes: value)
            auth.roles[name] = AuthRole(name: name, permissions: try role.keyPermission.map(AuthPermission.init))
        default: break
        }
    }

    private consuming func finish(_ cluster: ClusterBook) throws -> ControlMachine {
        var machine = ControlMachine(cluster: cluster, minimumLeaseTTLSeconds: Self.minimumLeaseTTLSeconds)
        let compacted = finished
        machine.store = try KVStore(
            // What a compaction has given up, and only its marks remain.
            history: history.filter { !$0.isDeletion || $0.kv.modRevision.rawValue >= compacted }, leases: leases,
            compacted: Revision(finished), minimumLeaseTTLSeconds: Self.minimumLeaseTTLSeconds)
        // Etcd was to go on with it.
        if scheduled > finished, scheduled <= machine.store.revision.rawValue {
            try machine.store.compact(at: Revision(scheduled))
        }
        machine.auth = auth
        machine.alarms = alarms
        return machine
    }

    private static func version(_ key: Data, _ value: Data) throws -> KeyVersion {
        let (main, sub) = try revision(key)
        let isDeletion = key.count == 18 && key.last == UInt8(ascii: "t")
        guard key.count == 17 || isDeletion else { throw SnapshotError("a revision of \(key.count) bytes") }
        var kv = KeyValue(try EtcdKeyValue(serializedBytes: value))
        kv.modRevision = Revision(main)
        if isDeletion { kv.version = 0 }
        return KeyVersion(kv: kv, place: sub)
    }

    static func revision(_ bytes: Data) throws -> (main: Int64, sub: Int64) {
        guard bytes.count >= 17, bytes[bytes.startIndex + 8] == UInt8(ascii: "_") else {
            throw SnapshotError("a revision of \(bytes.count) bytes")
        }
        return (
            Int64(bitPattern: try number(bytes.prefix(8))), Int64(bitPattern: try number(bytes.dropFirst(9).prefix(8)))
        )
    }

    private static func lease(_ value: Data) throws -> (id: LeaseID, ttlSeconds: Int64) {
        var reader = ByteReader([UInt8](value))
        var (id, ttl): (Int64, Int64) = (0, 0)
        while reader.remaining > 0 {
            let tag = try reader.readVariable(UInt64.self)
            guard tag & 7 == 0 else { throw SnapshotError("a lease with a field of type \(tag & 7)") }
            let number = Int64(bitPattern: try reader.readVariable(UInt64.self))
            if tag >> 3 == 1 { id = number }
            if tag >> 3 == 2 { ttl = number }
        }
        return (LeaseID(id), ttl)
    }

    private static func number(_ bytes: Data) throws -> UInt64 {
        guard bytes.count == 8 else { throw SnapshotError("a number of \(bytes.count) bytes") }
        return bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }
}
