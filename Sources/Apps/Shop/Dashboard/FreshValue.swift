/// Something that is asked for more often than it is worth finding out: all who ask within `maxAge` share one answer.
actor FreshValue<Value: Sendable> {
    private let maxAge: Duration
    private let find: @Sendable () async -> Value
    private var last: (value: Value, found: ContinuousClock.Instant)?
    private var underway: Task<Value, Never>?

    init(maxAge: Duration, _ find: @escaping @Sendable () async -> Value) {
        self.maxAge = maxAge
        self.find = find
    }

    var value: Value {
        get async {
            if let last, last.found.duration(to: .now) < maxAge { return last.value }
            if let underway { return await underway.value }
            let task = Task { [find] in await find() }
            underway = task
            let value = await task.value
            underway = nil
            last = (value, .now)
            return value
        }
    }
}
