/// What a disk writes at once: after a crash a sector has either its old content or its new one.
package enum DiskSectors {
    package static let bytes = 512

    /// Where the sector ends that has the byte at `offset`.
    package static func end(after offset: Int) -> Int {
        (offset / bytes + 1) * bytes
    }

    /// In how many sectors `content`, which begins at `offset` of a file, is nothing but zeros.
    package static func zeros(in content: UnsafeRawBufferPointer, at offset: Int) -> Int {
        var count = 0
        var start = 0
        while start < content.count {
            let length = min(content.count - start, end(after: offset + start) - offset - start)
            if isZero(UnsafeRawBufferPointer(rebasing: content[start..<start + length])) { count += 1 }
            start += length
        }
        return count
    }

    package static func isZero(_ content: UnsafeRawBufferPointer) -> Bool {
        var index = 0
        while index + 8 <= content.count {
            if content.loadUnaligned(fromByteOffset: index, as: UInt64.self) != 0 { return false }
            index += 8
        }
        return content[index...].allSatisfy { $0 == 0 }
    }
}
