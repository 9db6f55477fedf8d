import ApusKV
import ApusPrimitives

/// What the members say of their data at one revision.
struct HashCheck: Hashable, Sendable {
    struct Report: Hashable, Sendable {
        var member: UInt64
        /// Only hashes with the same are comparable.
        var compacted: Revision
        var hash: UInt32
    }

    let revision: Revision
    private(set) var reports: [Report] = []

    init(at revision: Revision) {
        self.revision = revision
    }

    func isOpen(for member: UInt64) -> Bool {
        !reports.contains { $0.member == member }
    }

    /// Returns who disagrees with most of the others, or, when there is no most, with the one that spoke first.
    mutating func add(_ report: Report) -> [UInt64] {
        guard isOpen(for: report.member) else { return [] }
        reports.append(report)
        let comparable = reports.filter { $0.compacted == report.compacted }
        var votes: [(hash: UInt32, count: Int)] = []
        for other in comparable {
            if let index = votes.firstIndex(where: { $0.hash == other.hash }) {
                votes[index].count += 1
            } else {
                votes.append((other.hash, 1))
            }
        }
        guard votes.count > 1 else { return [] }
        var best = votes[0]
        for vote in votes where vote.count > best.count { best = vote }
        return comparable.filter { $0.hash != best.hash }.map(\.member)
    }

    func encode(to writer: inout ByteWriter) {
        writer.writeVariable(revision.rawValue)
        writer.writeVariable(UInt64(reports.count))
        for report in reports { report.encode(to: &writer) }
    }

    init(from reader: inout ByteReader) throws {
        revision = Revision(try reader.readVariable(Int64.self))
        for _ in 0..<(try reader.readCount()) { reports.append(try Report(from: &reader)) }
    }
}

extension HashCheck.Report {
    func encode(to writer: inout ByteWriter) {
        writer.writeVariable(member)
        writer.writeVariable(compacted.rawValue)
        writer.write(hash)
    }

    init(from reader: inout ByteReader) throws {
        self.init(
            member: try reader.readVariable(UInt64.self), compacted: Revision(try reader.readVariable(Int64.self)),
            hash: try reader.read())
    }
}
