/// Finds out what a failing seed needs to fail.
public enum Shrinking {
    /// Leaves out one fault after the other, and keeps out those without which the seed still breaks the same rule; then shortens
    /// the time of the faults. At most some fifty runs.
    public static func shrink(seed: UInt64, plan: FaultPlan, rule: Broken.Rule) -> (plan: FaultPlan, without: [Fault]) {
        var plan = plan
        var without: [Fault] = []
        for fault in Fault.allCases {
            let candidate = plan.without(fault)
            guard candidate != plan else { continue }
            if Simulation.run(seed: seed, plan: candidate).broken?.rule == rule {
                plan = candidate
                without.append(fault)
            }
        }
        return (plan, without)
    }
}
