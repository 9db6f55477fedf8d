/// Settings by environment: ETCD_ and the name of the flag in capitals. Flags win.
enum ServerEnvironment {
    /// - Returns: what the environment adds to `arguments`, and remarks for the log.
    static func add(
        _ environment: [String: String], to given: inout GivenValues
    ) -> [String] {
        var remarks: [String] = []
        var used: Set<String> = ["ETCD_CONFIG_FILE"]
        for flag in ServerFlag.all {
            for name in [flag.name] + flag.aliases {
                let variable = ServerFlag.variable(name)
                used.insert(variable)
                guard let text = environment[variable], !text.isEmpty else { continue }
                if let first = given[flag.name] {
                    remarks.append("\(variable) has no effect: \(first.source) is given too")
                } else {
                    given.set(flag, text, from: variable)
                }
            }
        }
        for name in environment.keys.sorted() where name.hasPrefix("ETCD_") && !used.contains(name) {
            // Kubernetes names a service's addresses so, and images their version.
            remarks.append("\(name) is in the environment, but names no flag")
        }
        return remarks
    }
}
