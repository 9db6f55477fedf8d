import ApusPrimitives

/// What a client wants done, with the name that makes it done once.
struct Command: Hashable {
    /// Those of this client fill the log; nobody waits for them.
    static let load = UInt32.max

    let client: UInt32
    let sequence: UInt32
    let key: UInt32
    let input: Register.Input

    init(client: UInt32, sequence: UInt32, key: UInt32, input: Register.Input) {
        self.client = client
        self.sequence = sequence
        self.key = key
        self.input = input
    }

    func encoded(padding: Int) -> Bytes {
        let (kind, value): (UInt32, UInt64) =
            switch input {
            case .read: (0, 0)
            case .write(let value): (1, value)
            case .mix(let value): (2, value)
            }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(24 + padding)
        for number in [
            client, sequence, key, kind, UInt32(truncatingIfNeeded: value >> 32), UInt32(truncatingIfNeeded: value),
        ] {
            withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
        }
        bytes.append(contentsOf: repeatElement(0, count: padding))
        return Bytes(bytes)
    }

    init?(_ bytes: Bytes) {
        guard bytes.count >= 24 else { return nil }
        let numbers = bytes.array.withUnsafeBytes { buffer in
            (0..<6).map { UInt32(littleEndian: buffer.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self)) }
        }
        let value = UInt64(numbers[4]) << 32 | UInt64(numbers[5])
        switch numbers[3] {
        case 0: input = .read
        case 1: input = .write(value)
        case 2: input = .mix(value)
        default: return nil
        }
        client = numbers[0]
        sequence = numbers[1]
        key = numbers[2]
    }
}
