import ApusCoordination
import ApusKV
import ApusPrimitives
import TestSupport

extension CoordinationConformance {
    static let leases: [Check] = [
        Check("the keys of a lease go when it is not kept alive") { subject in
            let lease = try await subject.store.grantLease(ttlSeconds: 3)
            try expect(lease.ttlSeconds >= 3, "granted \(lease.ttlSeconds) s of 3")
            try await subject.put("leased", lease: lease.id)
            try await subject.put("free")
            try await subject.letTimePass(.seconds(lease.ttlSeconds + 1))
            try await eventually { try await subject.names() == ["free"] }
            try await expect(.leaseNotFound) { _ = try await subject.store.keepAlive(lease.id) }
        },
        Check("a lease that is kept alive stays") { subject in
            let lease = try await subject.store.grantLease(ttlSeconds: 3)
            try await subject.put("leased", lease: lease.id)
            for _ in 0..<4 {
                try await subject.letTimePass(.seconds(2))
                try expectEqual(try await subject.store.keepAlive(lease.id), lease.ttlSeconds)
            }
            try expectEqual(try await subject.names(), ["leased"])
            try await subject.store.revokeLease(lease.id)
        },
        Check("revoking deletes all keys at one revision") { subject in
            let lease = try await subject.store.grantLease(ttlSeconds: 60)
            for name in ["a", "b", "c"] { try await subject.put(name, lease: lease.id) }
            let before = try await subject.revision()
            try await subject.store.revokeLease(lease.id)
            try expectEqual(try await subject.names(), [])
            try expectEqual(try await subject.revision(), before.next)
            try await expect(.leaseNotFound) { try await subject.store.revokeLease(lease.id) }
        },
        Check("a lease that never was cannot be used") { subject in
            let unknown = LeaseID(rawValue: 4_711)
            try await expect(.leaseNotFound) { _ = try await subject.store.keepAlive(unknown) }
            try await expect(.leaseNotFound) { try await subject.put("a", lease: unknown) }
        },
        Check("a key goes with its last lease only") { subject in
            let first = try await subject.store.grantLease(ttlSeconds: 60)
            let second = try await subject.store.grantLease(ttlSeconds: 60)
            try await subject.put("moved", lease: first.id)
            try await subject.put("moved", lease: second.id)
            try await subject.put("freed", lease: first.id)
            try await subject.put("freed")
            try await subject.store.revokeLease(first.id)
            try expectEqual(try await subject.names(), ["freed", "moved"])
            try await subject.store.revokeLease(second.id)
            try expectEqual(try await subject.names(), ["freed"])
        },
        Check("a lease of no time is refused") { subject in
            for seconds: Int64 in [0, -1] {
                try await expect(.invalidRequest) { _ = try await subject.store.grantLease(ttlSeconds: seconds) }
            }
            try await expect(.invalidRequest) {
                _ = try await subject.store.grantLease(ttlSeconds: 9_000_000_001)
            }
        },
    ]
}
