/// What became of a proposal.
public enum Proposed: Hashable, Sendable {
    /// This node leads: the commands are in its log from `first` on, in `term`. They are done when entries of that term are
    /// applied at those places; another term there means that they are lost.
    case appended(term: Term, first: LogIndex)
    /// They were sent to the leader. Nothing tells whether they arrive: whoever has to know puts an identifier into the
    /// command and sees it applied, or asks again.
    case forwarded(to: NodeID)
}
