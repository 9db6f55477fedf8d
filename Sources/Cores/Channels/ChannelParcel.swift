/// An element between its sender and its receiver: nobody else can reach it (`sending` on both ends), so it may cross
/// threads without being `Sendable`.
// Safe: made only of an element that its sender gave away, and opened by its receiver alone.
@usableFromInline
struct ChannelParcel<Element: ~Copyable>: ~Copyable, @unchecked Sendable {
    // Safe: as above; the attribute lets it out again as `sending`.
    @usableFromInline nonisolated(unsafe) var element: Element

    @inlinable
    init(_ element: consuming sending Element) {
        self.element = element
    }

    @inlinable
    consuming func open() -> sending Element {
        element
    }
}
