import Crypto
import Foundation

/// The IDs of a member and of its cluster, as etcd computes them.
struct ClusterIdentity: Hashable, Sendable {
    let clusterID: UInt64
    let memberID: UInt64

    /// Of a member with these peer URLs: SHA-1 over them, sorted, and the token (and the time, for one that was added later).
    static func memberID(peerURLs: [String], token: String, addedAtUnixSeconds time: Int64? = nil) -> UInt64 {
        firstEight(of: Array((peerURLs.sorted().joined() + token + (time.map(String.init) ?? "")).utf8))
    }

    /// Of a cluster that was founded by these members: SHA-1 over their IDs.
    static func clusterID(founders: [UInt64]) -> UInt64 {
        firstEight(
            of: founders.sorted().flatMap { id in (0..<8).map { UInt8(truncatingIfNeeded: id >> (56 - 8 * $0)) } })
    }

    private static func firstEight(of bytes: [UInt8]) -> UInt64 {
        var hash = Insecure.SHA1()
        hash.update(data: bytes)
        return hash.finalize().prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}

extension UInt64 {
    /// As etcd writes an ID.
    var hex: String { String(self, radix: 16) }
}
