import ApusPrimitives
import ApusStorage

/// What reached the disk with one sync: a header of 32 bytes, the payload, and filling (0xFF, at least one byte) up to a
/// multiple of 32.
///
/// All that shares a sync is in one record, so only the last record of a log can be torn. A record begins at a multiple of 32,
/// so its header is never in two sectors. The header, little-endian: the length of the record (4 bytes), of the payload
/// (4), how many sectors of it are zero as written (4), the checksum of payload and filling (4), the sequence number (8),
/// the checksum of these 24 with the segment's salt and the offset (4), and a mark that ends in no zero (4).
enum LogRecord {
    static let headerBytes = 32
    static let alignment = 32
    private static let mark: UInt32 = 0x5245_4331

    struct Header: Equatable {
        var recordBytes: Int
        var payloadBytes: Int
        var zeroSectors: Int
        var checksum: UInt32
        var sequence: UInt64
    }

    /// Completes a record whose header is still to be filled in and whose payload ends where `buffer` does. It may be done
    /// again for another place.
    static func seal(_ buffer: inout RecordBuffer, sequence: UInt64, salt: UInt64, offset: Int) {
        let payloadBytes = buffer.finish(alignment: alignment)
        let recordBytes = buffer.count
        buffer.withUnsafeMutableBytes { bytes in
            let content = UnsafeRawBufferPointer(rebasing: bytes[headerBytes...])
            // The header, which is not zero, is not there yet when the zero sectors are counted.
            bytes[0] = UInt8.max
            let zeroSectors = DiskSectors.zeros(in: UnsafeRawBufferPointer(bytes), at: offset)
            bytes.store(UInt32(recordBytes), at: 0)
            bytes.store(UInt32(payloadBytes), at: 4)
            bytes.store(UInt32(zeroSectors), at: 8)
            bytes.store(CRC32C.checksum(content), at: 12)
            bytes.store(sequence, at: 16)
            bytes.store(mark, at: 28)
            bytes.store(headerChecksum(UnsafeRawBufferPointer(bytes), salt: salt, offset: offset), at: 24)
        }
    }

    /// nil: no record of this segment begins here.
    static func header(of bytes: UnsafeRawBufferPointer, salt: UInt64, offset: Int) -> Header? {
        guard bytes.count >= headerBytes, bytes.number(UInt32.self, at: 28) == mark,
            bytes.number(UInt32.self, at: 24) == headerChecksum(bytes, salt: salt, offset: offset)
        else { return nil }
        let header = Header(
            recordBytes: Int(bytes.number(UInt32.self, at: 0)), payloadBytes: Int(bytes.number(UInt32.self, at: 4)),
            zeroSectors: Int(bytes.number(UInt32.self, at: 8)), checksum: bytes.number(UInt32.self, at: 12),
            sequence: bytes.number(UInt64.self, at: 16))
        guard header.recordBytes % alignment == 0, header.recordBytes > headerBytes + header.payloadBytes else {
            return nil
        }
        return header
    }

    /// - Parameter record: the whole of it.
    static func isWhole(_ record: UnsafeRawBufferPointer, _ header: Header) -> Bool {
        CRC32C.checksum(UnsafeRawBufferPointer(rebasing: record[headerBytes...])) == header.checksum
    }

    /// Whether a record with a good header and a bad payload is what a crash leaves of a write: a sector that is zero and was
    /// not meant to be, or an end that is missing. Before a record is written, all of its place is zero on disk.
    static func isTorn(_ record: UnsafeRawBufferPointer, _ header: Header, at offset: Int) -> Bool {
        record[record.count - 1] == 0 || DiskSectors.zeros(in: record, at: offset) > header.zeroSectors
    }

    private static func headerChecksum(_ bytes: UnsafeRawBufferPointer, salt: UInt64, offset: Int) -> UInt32 {
        var checksum = CRC32C()
        checksum.update(UnsafeRawBufferPointer(rebasing: bytes[..<24]))
        withUnsafeBytes(of: (salt.littleEndian, UInt64(offset).littleEndian)) { checksum.update($0) }
        return checksum.value
    }
}

extension UnsafeMutableRawBufferPointer {
    fileprivate func store(_ value: some FixedWidthInteger, at offset: Int) {
        storeBytes(of: value.littleEndian, toByteOffset: offset, as: type(of: value))
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func number<Number: FixedWidthInteger & BitwiseCopyable>(_: Number.Type, at offset: Int) -> Number {
        Number(littleEndian: loadUnaligned(fromByteOffset: offset, as: Number.self))
    }
}
