import ApusNode
import ApusPrimitives
import ApusRaft

/// What is replicated: one number.
struct Counter: StateMachine {
    private(set) var value: Int64 = 0

    /// Eight bytes: how much to add.
    static func adding(_ amount: Int64) -> [UInt8] {
        var writer = ByteWriter()
        writer.write(amount)
        return writer.bytes
    }

    mutating func apply(_ command: ArraySlice<UInt8>, at index: LogIndex) -> Int64 {
        var reader = ByteReader(command)
        // What cannot be understood, and what would overflow, is answered on every node alike: nothing changes.
        if let amount = try? reader.read(Int64.self) {
            let (sum, overflow) = value.addingReportingOverflow(amount)
            if !overflow { value = sum }
        }
        return value
    }

    func write(to snapshot: inout SnapshotOutput) throws {
        try snapshot.write(UInt64(bitPattern: value))
    }

    mutating func restore(from snapshot: inout SnapshotInput) throws {
        value = Int64(bitPattern: try snapshot.readNumber())
    }
}
