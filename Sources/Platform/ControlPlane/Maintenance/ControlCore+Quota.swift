import ApusEtcdAPI
import ApusKV
import Logging

extension ControlCore {
    /// Refuses what would take the data beyond the quota, and raises the alarm, which refuses all that grows until somebody
    /// disarms it: etcd's rule.
    ///
    /// - Throws: `.noSpace`.
    func checkQuota(_ command: Command) throws(EtcdError) {
        guard let quota = settings.effectiveQuotaBytes else { return }
        let cost = Quota.cost(of: command)
        guard cost > 0 else { return }
        let view = view
        guard view.storedBytes + cost > quota else { return }
        if !view.hasNoSpace {
            logger.error(
                "the data have reached the quota: compact, delete, and disarm the alarm",
                metadata: ["bytes": "\(view.storedBytes)", "quota": "\(quota)"])
            // Where it fails, the next write raises it again.
            propose(.alarm(.activate(AlarmBook.Alarm(kind: .noSpace, member: memberID)))) { _ in }
        }
        throw .noSpace
    }
}
