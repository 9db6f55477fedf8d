import ApusPrimitives

/// The unit of what is written to disk: a header, the payload, and filling up to a multiple of 16 bytes.
///
/// All writes that share one sync are in one frame, so a frame that was not completed is always the last of its file.
/// The header (length, checksum of the payload, low bits of the index, checksum of these twelve bytes; little-endian)
/// has a checksum of its own: without it, damage to a length would look like the end of the log.
package enum DiskFrame {
    package static let headerBytes = 16
    package static let alignment = 16
    /// A longer payload is taken for damage.
    package static let maximumPayloadBytes = 256 * 1024 * 1024
    package struct Header: Equatable {
        package var length: Int
        package var checksum: UInt32
        package var index: UInt32

        /// With header and filling.
        package var frameBytes: Int {
            (headerBytes + length + alignment - 1) / alignment * alignment
        }
    }

    /// - Parameter index: of the first thing in the payload; its low 32 bits are in the header.
    package static func encode(_ payload: [UInt8], index: UInt64) -> [UInt8] {
        var frame = ByteWriter(reservingCapacity: headerBytes + payload.count + alignment)
        frame.write(UInt32(payload.count))
        frame.write(CRC32C.checksum(payload))
        frame.write(UInt32(truncatingIfNeeded: index))
        frame.write(CRC32C.checksum(frame.bytes))
        frame.write(raw: payload)
        while frame.bytes.count % alignment != 0 { frame.write(UInt8.max) }
        return frame.bytes
    }

    /// nil: these bytes do not begin with a header.
    package static func header(of bytes: ArraySlice<UInt8>) -> Header? {
        var reader = ByteReader(bytes)
        guard let length = try? reader.read(UInt32.self), let checksum = try? reader.read(UInt32.self),
            let index = try? reader.read(UInt32.self), let own = try? reader.read(UInt32.self),
            own == CRC32C.checksum(bytes.prefix(12)), length <= maximumPayloadBytes
        else { return nil }
        return Header(length: Int(length), checksum: checksum, index: index)
    }

    /// Whether bytes that are no frame, and reach to the end of their file, are what a crash leaves of the last write; if
    /// not, they are damage to something that was acknowledged.
    ///
    /// A write that was cut off ends early, or misses whole sectors, which are zero then (the reasoning of etcd's
    /// `wal/decoder.go`); and nothing was ever written after it.
    package static func isTorn(_ rest: [UInt8], at offset: Int) -> Bool {
        guard rest.count >= headerBytes else { return true }
        if let header = header(of: rest[...]) {
            if header.frameBytes > rest.count { return true }
            return header.frameBytes == rest.count && rest.withUnsafeBytes { DiskSectors.zeros(in: $0, at: offset) > 0 }
        }
        let sectorEnd = min(rest.count, DiskSectors.end(after: offset) - offset)
        guard rest[..<sectorEnd].allSatisfy({ $0 == 0 }) else { return false }
        return !stride(from: alignment, to: rest.count, by: alignment).contains { header(of: rest[$0...]) != nil }
    }
}
