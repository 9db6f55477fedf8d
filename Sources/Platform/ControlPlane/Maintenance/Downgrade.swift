import ApusEtcdAPI
import ApusGRPC
import ApusKV
import ApusNode
import ApusPrimitives
import ApusRaft

/// Versions, and the wish to go back to the one before: asked for and remembered as etcd 3.5.1 does, which does no more either.
enum Downgrade {
    /// Whose API this server speaks.
    static let serverVersion = "3.5.1"
    static let clusterVersion = "3.5.0"
    private static let allowedTarget = "3.4.0"

    /// "major.minor" or "major.minor.patch", without the patch.
    /// - Throws: `wrong downgrade target version format`.
    static func target(_ text: String) throws(EtcdError) -> String {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let numbers = parts.map { part in
            part.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(part) : nil
        }
        guard (2...3).contains(parts.count), let major = numbers[0], let minor = numbers[1], !numbers.contains(nil)
        else {
            throw EtcdError(.invalidArgument, "etcdserver: wrong downgrade target version format")
        }
        return "\(major).\(minor).0"
    }

    /// - Parameter current: what the cluster is being brought back to already.
    static func check(
        _ action: EtcdDowngradeRequest.DowngradeAction, to target: String?, _ current: String?
    ) throws(EtcdError) {
        switch action {
        case .validate, .enable:
            guard target == allowedTarget else {
                throw EtcdError(.invalidArgument, "etcdserver: invalid downgrade target version")
            }
            guard current == nil else {
                throw EtcdError(.failedPrecondition, "etcdserver: cluster has a downgrade job in progress")
            }
        case .cancel:
            guard current != nil else {
                throw EtcdError(.failedPrecondition, "etcdserver: no inflight downgrade job")
            }
        case .UNRECOGNIZED: throw EtcdError(.unknown, "etcdserver: unknown method")
        }
    }
}
