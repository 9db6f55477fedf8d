/// Puts the cases of a `select` together, without boxes and without an allocation.
@resultBuilder
public enum SelectBuilder {
    @inlinable
    public static func buildBlock() -> SelectNothing {
        SelectNothing()
    }

    @inlinable
    public static func buildPartialBlock<First: SelectCases & ~Copyable>(first: consuming First) -> First {
        first
    }

    @inlinable
    public static func buildPartialBlock<First: SelectCases & ~Copyable, Last: SelectCases & ~Copyable>(
        accumulated: consuming First, next: consuming Last
    ) -> SelectPair<First, Last> where First.Output == Last.Output {
        SelectPair(accumulated, next)
    }

    @inlinable
    public static func buildOptional<Cases: SelectCases & ~Copyable>(
        _ cases: consuming Cases?
    ) -> SelectMaybe<Cases> {
        SelectMaybe(cases)
    }
}
