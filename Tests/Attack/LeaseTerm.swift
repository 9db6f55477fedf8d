/// What became of one lease.
struct LeaseTerm: Sendable {
    let key: String
    let seconds: Int64
    /// When the last grant or keep-alive that was confirmed had been asked for, in nanoseconds of the clients' clock.
    var confirmed: Int64
    /// When it was first seen that the lease is over.
    var gone: Int64?
    var keepAlives = 0

    /// A lease must not end before its time, counted from when its holder asked for what was confirmed; and one that nobody keeps
    /// alive must end.
    static func check(_ terms: [LeaseTerm]) -> [String] {
        terms.compactMap { term in
            guard let gone = term.gone else { return "the lease of \(term.key) never ended" }
            let early = term.confirmed + term.seconds * 1_000_000_000 - gone
            return early <= 0 ? nil : "the lease of \(term.key) ended \(early / 1_000_000) ms early: \(term)"
        }
    }
}
