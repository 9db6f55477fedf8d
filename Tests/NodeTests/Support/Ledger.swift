import ApusNode
import ApusPrimitives
import ApusRaft

/// A state machine that remembers every command, in order.
struct Ledger: StateMachine, Equatable {
    var lines: [String] = []

    mutating func apply(_ command: ArraySlice<UInt8>, at index: LogIndex) -> Int {
        lines.append(String(decoding: command, as: UTF8.self))
        return lines.count
    }

    func write(to snapshot: inout SnapshotOutput) throws {
        try snapshot.write(UInt64(lines.count))
        for line in lines { try snapshot.write(Bytes(line)) }
    }

    mutating func restore(from snapshot: inout SnapshotInput) throws {
        lines = []
        for _ in 0..<(try snapshot.readNumber()) { lines.append(try snapshot.readBytes().text) }
    }
}

extension ReplicatedNode<Ledger> {
    func write(_ text: String) async throws -> Int {
        try await propose(Array(text.utf8))
    }

    func lines(_ mode: ReadMode = .quorum) async throws -> [String] {
        try await read(mode) { $0.lines }
    }
}
