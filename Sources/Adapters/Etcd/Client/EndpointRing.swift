/// Which of several endpoints is asked: one, until it fails, then the next. Pure; endpoints are known by their index.
struct EndpointRing {
    let count: Int
    private(set) var current: Int

    init(count: Int, start: Int = 0) {
        self.count = count
        current = start % max(count, 1)
    }

    /// Those who found that `index` fails move everybody on; latecomers with the same news move nobody.
    mutating func failed(_ index: Int) {
        if index == current { current = (current + 1) % max(count, 1) }
    }
}
