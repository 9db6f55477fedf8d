import ApusEtcdAPI
import ApusKV
import ApusPrimitives

/// The alarms that are raised, and by which members; replicated, so that all refuse alike.
struct AlarmBook: Hashable, Sendable {
    struct Alarm: Hashable, Comparable, Sendable {
        var kind: AlarmKind
        var member: UInt64

        static func < (left: Self, right: Self) -> Bool {
            (left.kind.rawValue, left.member) < (right.kind.rawValue, right.member)
        }
    }

    /// In order, each once.
    private(set) var alarms: [Alarm] = []
    /// The last comparison of data that was asked for.
    private(set) var hashCheck: HashCheck?

    init() {}

    func isRaised(_ kind: AlarmKind) -> Bool {
        alarms.contains { $0.kind == kind }
    }

    /// - Throws: `.corrupt` for everything while members disagree, `.noSpace` for what grows while there is no room.
    func check(_ command: Command) throws(EtcdError) {
        guard !alarms.isEmpty else { return }
        if isRaised(.corrupt) { throw .corrupt }
        if isRaised(.noSpace), Quota.cost(of: command) > 0 { throw .noSpace }
    }

    /// Returns what was raised or ended; nothing when it was not there.
    mutating func apply(_ command: AlarmCommand) -> AlarmResponse {
        switch command {
        case .activate(let alarm):
            raise(alarm)
            return .alarms([alarm])
        case .deactivate(let alarm):
            guard let index = alarms.firstIndex(of: alarm) else { return .alarms([]) }
            alarms.remove(at: index)
            return .alarms([alarm])
        case .compareHashes(let revision):
            hashCheck = HashCheck(at: revision)
            return .alarms([])
        case .reportHash(let report, let revision):
            guard hashCheck?.revision == revision, let strangers = hashCheck?.add(report) else { return .alarms([]) }
            let raised = strangers.map { Alarm(kind: .corrupt, member: $0) }
            for alarm in raised { raise(alarm) }
            return .alarms(raised)
        }
    }

    private mutating func raise(_ alarm: Alarm) {
        guard !alarms.contains(alarm) else { return }
        alarms.append(alarm)
        alarms.sort()
    }

    func encode(to writer: inout ByteWriter) {
        writer.writeVariable(UInt64(alarms.count))
        for alarm in alarms { writer.write(alarm) }
        writer.write(hashCheck == nil ? 0 as UInt8 : 1)
        hashCheck?.encode(to: &writer)
    }

    init(from reader: inout ByteReader) throws {
        var alarms: Set<Alarm> = []
        for _ in 0..<(try reader.readCount()) { alarms.insert(try reader.readAlarm()) }
        self.alarms = alarms.sorted()
        if try reader.readBool() { hashCheck = try HashCheck(from: &reader) }
    }
}

/// As etcd numbers them.
enum AlarmKind: UInt8, Sendable, CaseIterable {
    /// The data have reached the quota.
    case noSpace = 1
    /// Members do not have the same data.
    case corrupt = 2
}

enum AlarmCommand: Hashable, Sendable {
    case activate(AlarmBook.Alarm)
    case deactivate(AlarmBook.Alarm)
    /// Every member is to say what its data hash to at this revision.
    case compareHashes(at: Revision)
    case reportHash(HashCheck.Report, at: Revision)

    func encode(to writer: inout ByteWriter) {
        switch self {
        case .activate(let alarm):
            writer.write(1 as UInt8)
            writer.write(alarm)
        case .deactivate(let alarm):
            writer.write(2 as UInt8)
            writer.write(alarm)
        case .compareHashes(let revision):
            writer.write(3 as UInt8)
            writer.writeVariable(revision.rawValue)
        case .reportHash(let report, let revision):
            writer.write(4 as UInt8)
            report.encode(to: &writer)
            writer.writeVariable(revision.rawValue)
        }
    }

    init(from reader: inout ByteReader) throws {
        switch try reader.read(UInt8.self) {
        case 1: self = .activate(try reader.readAlarm())
        case 2: self = .deactivate(try reader.readAlarm())
        case 3: self = .compareHashes(at: Revision(try reader.readVariable(Int64.self)))
        case 4:
            let report = try HashCheck.Report(from: &reader)
            self = .reportHash(report, at: Revision(try reader.readVariable(Int64.self)))
        default: throw ByteReader.Malformed(offset: reader.offset - 1, expected: "a command about alarms")
        }
    }
}

enum AlarmResponse: Hashable, Sendable {
    case alarms([AlarmBook.Alarm])
}

extension ByteWriter {
    fileprivate mutating func write(_ alarm: AlarmBook.Alarm) {
        write(alarm.kind.rawValue)
        writeVariable(alarm.member)
    }
}

extension ByteReader {
    fileprivate mutating func readAlarm() throws -> AlarmBook.Alarm {
        guard let kind = AlarmKind(rawValue: try read(UInt8.self)) else {
            throw Malformed(offset: offset - 1, expected: "a kind of alarm")
        }
        return AlarmBook.Alarm(kind: kind, member: try readVariable(UInt64.self))
    }
}
