extension Comparable {
    /// The nearest in `range`; its lower bound for what compares with nothing (`nan`).
    func clamped(to range: ClosedRange<Self>) -> Self {
        self > range.lowerBound ? min(self, range.upperBound) : range.lowerBound
    }
}
