import ApusPrimitives
import ApusRaft

/// The replicated state machine: registers, and for each client what it was answered last, so that a command that comes twice
/// is done once.
struct SimulatedStore {
    private(set) var index: LogIndex = .zero
    /// Of every command that was applied and what it answered.
    private(set) var hash = Fingerprint()
    private var registers: [UInt64]
    private var sessions: [Session]

    private struct Session {
        var sequence: UInt64 = 0
        var output: UInt64 = 0
    }

    init(keys: Int, clients: Int) {
        registers = Array(repeating: 0, count: keys)
        sessions = Array(repeating: Session(), count: clients)
    }

    func value(of key: Int) -> UInt64 { registers[key] }

    /// What `client` was answered to `sequence`, if that was its last command.
    func answer(to client: Int, _ sequence: UInt32) -> UInt64? {
        sessions[client].sequence == UInt64(sequence) ? sessions[client].output : nil
    }

    /// The caller checks that the entry follows.
    mutating func apply(_ entry: Entry) -> Command? {
        index = entry.index
        guard case .command(let bytes) = entry.payload, let command = Command(bytes) else {
            hash.mix(entry.index.rawValue)
            return nil
        }
        hash.mix(UInt64(command.client) << 32 | UInt64(command.sequence))
        guard command.client != Command.load else { return nil }
        let client = Int(command.client)
        if UInt64(command.sequence) > sessions[client].sequence {
            let after = Register.apply(command.input, to: registers[Int(command.key)])
            registers[Int(command.key)] = after.state
            sessions[client] = Session(sequence: UInt64(command.sequence), output: after.output)
        }
        hash.mix(sessions[client].output)
        return command
    }

    /// Not the same bytes for every `salt`, as two machines need not write the same for one state.
    func encoded(padding: Int, salt: UInt64) -> [UInt8] {
        var numbers = [index.rawValue, hash.value, salt]
        numbers += registers
        for session in sessions { numbers += [session.sequence, session.output] }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(8 * numbers.count + padding)
        for number in numbers { withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) } }
        for place in 0..<padding { bytes.append(Self.filler(place, salt)) }
        return bytes
    }

    /// So that a piece in a wrong place, or of another file, shows.
    private static func filler(_ place: Int, _ salt: UInt64) -> UInt8 {
        UInt8(truncatingIfNeeded: UInt64(place) &* 31 &+ UInt64(place) >> 8 &+ salt &* 7)
    }

    /// False when the bytes are not those of a snapshot.
    mutating func restore(_ bytes: [UInt8], padding: Int) -> Bool {
        let count = 3 + registers.count + 2 * sessions.count
        guard bytes.count == 8 * count + padding else { return false }
        let numbers = bytes.withUnsafeBytes { buffer in
            (0..<count).map { UInt64(littleEndian: buffer.loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self)) }
        }
        for place in 0..<padding where bytes[8 * count + place] != Self.filler(place, numbers[2]) { return false }
        index = LogIndex(numbers[0])
        hash = Fingerprint(numbers[1])
        for key in registers.indices { registers[key] = numbers[3 + key] }
        for client in sessions.indices {
            let place = 3 + registers.count + 2 * client
            sessions[client] = Session(sequence: numbers[place], output: numbers[place + 1])
        }
        return true
    }
}
