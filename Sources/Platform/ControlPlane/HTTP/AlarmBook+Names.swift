extension AlarmBook {
    /// The alarms that are raised, by etcd's names.
    var names: [String] { [] }
}
