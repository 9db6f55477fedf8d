public import ApusPrimitives

extension Message: RaftCodable {
    public func write(to writer: inout ByteWriter) {
        writer.write(from)
        writer.write(to)
        writer.write(term)
        body.write(to: &writer)
    }

    public init(reading reader: inout ByteReader) throws(ByteReader.Malformed) {
        self.init(
            from: try reader.readNode(), to: try reader.readNode(), term: try reader.readTerm(),
            body: try Body(reading: &reader))
    }
}

extension Message.Body {
    fileprivate enum Tag: UInt8 {
        case voteRequest = 1
        case vote = 2
        case preVoteRequest = 3
        case preVote = 4
        case append = 5
        case appendAccepted = 6
        case appendRejected = 7
        case heartbeat = 8
        case heartbeatAnswer = 9
        case snapshot = 10
        case snapshotProgress = 11
        case timeoutNow = 12
        case proposal = 13
        case readRequest = 14
        case readAnswer = 15
        case readRefused = 16
    }

    fileprivate func write(to writer: inout ByteWriter) {
        writer.write(tag.rawValue)
        switch self {
        case .voteRequest(let lastIndex, let lastTerm, let isTransfer):
            writer.write(lastIndex)
            writer.write(lastTerm)
            writer.write(isTransfer)
        case .vote(let granted), .preVote(let granted):
            writer.write(granted)
        case .preVoteRequest(let lastIndex, let lastTerm):
            writer.write(lastIndex)
            writer.write(lastTerm)
        case .append(let previousIndex, let previousTerm, let entries, let commitIndex):
            writer.write(previousIndex)
            writer.write(previousTerm)
            writer.write(commitIndex)
            writer.write(entries)
        case .appendAccepted(let lastIndex):
            writer.write(lastIndex)
        case .appendRejected(let rejectedIndex, let hintIndex, let hintTerm):
            writer.write(rejectedIndex)
            writer.write(hintIndex)
            writer.write(hintTerm)
        case .heartbeat(let commitIndex, let round):
            writer.write(commitIndex)
            writer.writeVariable(round)
        case .heartbeatAnswer(let round):
            writer.writeVariable(round)
        case .snapshot(let chunk):
            chunk.write(to: &writer)
        case .snapshotProgress(let index, let nextOffset):
            writer.write(index)
            writer.writeVariable(nextOffset)
        case .timeoutNow:
            break
        case .proposal(let commands):
            writer.writeVariable(UInt64(commands.count))
            for command in commands { writer.write(command) }
        case .readRequest(let id):
            writer.writeVariable(id.rawValue)
        case .readAnswer(let id, let index):
            writer.writeVariable(id.rawValue)
            if let index { writer.write(index) }
        }
    }

    private var tag: Tag {
        switch self {
        case .voteRequest: .voteRequest
        case .vote: .vote
        case .preVoteRequest: .preVoteRequest
        case .preVote: .preVote
        case .append: .append
        case .appendAccepted: .appendAccepted
        case .appendRejected: .appendRejected
        case .heartbeat: .heartbeat
        case .heartbeatAnswer: .heartbeatAnswer
        case .snapshot: .snapshot
        case .snapshotProgress: .snapshotProgress
        case .timeoutNow: .timeoutNow
        case .proposal: .proposal
        case .readRequest: .readRequest
        case .readAnswer(_, let index): index == nil ? .readRefused : .readAnswer
        }
    }

    fileprivate init(reading reader: inout ByteReader) throws(ByteReader.Malformed) {
        switch try reader.readTag(Tag.self, "a message") {
        case .voteRequest:
            self = .voteRequest(
                lastIndex: try reader.readIndex(), lastTerm: try reader.readTerm(), isTransfer: try reader.readBool())
        case .vote:
            self = .vote(granted: try reader.readBool())
        case .preVoteRequest:
            self = .preVoteRequest(lastIndex: try reader.readIndex(), lastTerm: try reader.readTerm())
        case .preVote:
            self = .preVote(granted: try reader.readBool())
        case .append:
            let previousIndex = try reader.readIndex()
            let previousTerm = try reader.readTerm()
            let commitIndex = try reader.readIndex()
            self = .append(
                previousIndex: previousIndex, previousTerm: previousTerm,
                entries: try reader.readEntries(from: previousIndex.next), commitIndex: commitIndex)
        case .appendAccepted:
            self = .appendAccepted(lastIndex: try reader.readIndex())
        case .appendRejected:
            self = .appendRejected(
                rejectedIndex: try reader.readIndex(), hintIndex: try reader.readIndex(),
                hintTerm: try reader.readTerm())
        case .heartbeat:
            self = .heartbeat(commitIndex: try reader.readIndex(), round: try reader.readVariable(UInt64.self))
        case .heartbeatAnswer:
            self = .heartbeatAnswer(round: try reader.readVariable(UInt64.self))
        case .snapshot:
            self = .snapshot(try SnapshotChunk(reading: &reader))
        case .snapshotProgress:
            self = .snapshotProgress(index: try reader.readIndex(), nextOffset: try reader.readNumber("an offset"))
        case .timeoutNow:
            self = .timeoutNow
        case .proposal:
            self = .proposal(try Self.readCommands(&reader))
        case .readRequest:
            self = .readRequest(id: ReadID(try reader.readVariable(UInt64.self)))
        case .readAnswer:
            self = .readAnswer(id: ReadID(try reader.readVariable(UInt64.self)), index: try reader.readIndex())
        case .readRefused:
            self = .readAnswer(id: ReadID(try reader.readVariable(UInt64.self)), index: nil)
        }
    }

    private static func readCommands(_ reader: inout ByteReader) throws(ByteReader.Malformed) -> [Bytes] {
        var commands: [Bytes] = []
        let count = try reader.readCount()
        commands.reserveCapacity(count)
        for _ in 0..<count { commands.append(try reader.readBytes()) }
        return commands
    }
}
