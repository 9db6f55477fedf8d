/// What keeps a node from starting, in one line for the person who started it.
struct ServerFlaw: Error, Equatable, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
