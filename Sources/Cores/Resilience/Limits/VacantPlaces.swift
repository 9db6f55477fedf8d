import ApusPrimitives

/// Places in a limiter's line whose holders gave up before their moment came. Whoever would have to wait longer than until
/// such a moment takes the place, so that it is not lost, and the sum of those who go stays what it was.
struct VacantPlaces: Sendable {
    private struct Place: Sendable {
        let due: MonotonicTime
        var permits: Int
    }

    /// More than this are lost: as if their holders had gone.
    static let maximum = 64

    /// Earliest first.
    private var places: [Place] = []

    var isEmpty: Bool { places.isEmpty }

    mutating func add(_ permits: Int, due: MonotonicTime, at now: MonotonicTime) {
        guard permits > 0, due > now else { return }
        dropPast(now)
        guard places.count < Self.maximum else { return }
        let index = places.firstIndex { $0.due > due } ?? places.count
        places.insert(Place(due: due, permits: permits), at: index)
    }

    /// The nanoseconds until the earliest place for so many; nil when none comes before `limit` nanoseconds are over.
    mutating func take(_ permits: Int, at now: MonotonicTime, before limit: Int64) -> Int64? {
        dropPast(now)
        guard let index = places.firstIndex(where: { $0.permits >= permits }) else { return nil }
        let wait = (places[index].due - now).nanoseconds
        guard wait < limit else { return nil }
        places[index].permits -= permits
        if places[index].permits == 0 { places.remove(at: index) }
        return wait
    }

    private mutating func dropPast(_ now: MonotonicTime) {
        let past = places.firstIndex { $0.due > now } ?? places.count
        places.removeSubrange(..<past)
    }
}
