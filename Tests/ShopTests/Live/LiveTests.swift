import Testing

/// Tests that run a whole shop, one after the other: each of them wants the machine for itself.
@Suite(.serialized)
enum LiveTests {}
