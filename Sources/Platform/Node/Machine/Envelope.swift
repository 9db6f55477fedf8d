import ApusPrimitives

/// What a node puts before an application's command in the log, so that a proposal that travelled twice takes effect once.
enum Envelope {
    /// Kind, session, sequence, and how far below the sequence nothing is waited for any more.
    static let headerBytes = 1 + 8 + 8 + 4

    enum Kind: UInt8 {
        case command = 1
        case openSession = 2
    }

    struct Header: Equatable {
        let session: UInt64
        let sequence: UInt64
        /// The proposer waits for nothing before it.
        let firstWaiting: UInt64
    }

    /// Room for the header, then the command.
    static func make(_ command: some Collection<UInt8>) -> [UInt8] {
        // One copy of the command on its way to the log, at memory's speed, whatever collection it comes in.
        command.withContiguousStorageIfAvailable(make) ?? Array(command).withUnsafeBufferPointer(make)
    }

    private static func make(_ command: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: headerBytes + command.count) { bytes, count in
            bytes[..<headerBytes].initialize(repeating: 0)
            _ = bytes[headerBytes...].initialize(fromContentsOf: command)
            count = headerBytes + command.count
        }
    }

    /// Fills the header in.
    static func seal(_ envelope: inout [UInt8], _ header: Header) {
        envelope.withUnsafeMutableBytes { bytes in
            bytes[0] = Kind.command.rawValue
            bytes.storeBytes(of: header.session.littleEndian, toByteOffset: 1, as: UInt64.self)
            bytes.storeBytes(of: header.sequence.littleEndian, toByteOffset: 9, as: UInt64.self)
            let behind = UInt32(clamping: header.sequence - header.firstWaiting)
            bytes.storeBytes(of: behind.littleEndian, toByteOffset: 17, as: UInt32.self)
        }
    }

    static func openSession(_ session: UInt64, knowing applied: UInt64) -> Bytes {
        var writer = ByteWriter(reservingCapacity: 17)
        writer.write(Kind.openSession.rawValue)
        writer.write(session)
        writer.write(applied)
        return Bytes(writer.bytes)
    }

    enum Content {
        case command(Header, ArraySlice<UInt8>)
        case openSession(UInt64, knowing: UInt64)
        /// Not of a node's making: it changes nothing.
        case unknown
    }

    static func open(_ envelope: Bytes) -> Content {
        let array = envelope.array
        switch array.first.flatMap(Kind.init) {
        case .command where array.count >= headerBytes:
            let header = array.withUnsafeBytes { bytes in
                let sequence = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 9, as: UInt64.self))
                let behind = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 17, as: UInt32.self))
                return Header(
                    session: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 1, as: UInt64.self)),
                    sequence: sequence, firstWaiting: sequence - min(sequence, UInt64(behind)))
            }
            return .command(header, array[headerBytes...])
        case .openSession where array.count == 17:
            return array.withUnsafeBytes { bytes in
                .openSession(
                    UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 1, as: UInt64.self)),
                    knowing: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 9, as: UInt64.self)))
            }
        default: return .unknown
        }
    }
}
