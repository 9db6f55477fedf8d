public import ApusPrimitives

extension HardState: RaftCodable {
    public func write(to writer: inout ByteWriter) {
        writer.write(term)
        writer.writeVariable(votedFor?.rawValue ?? 0)
        writer.write(commitIndex)
    }

    public init(reading reader: inout ByteReader) throws(ByteReader.Malformed) {
        let term = try reader.readTerm()
        let vote = try reader.readVariable(UInt64.self)
        self.init(term: term, votedFor: vote == 0 ? nil : NodeID(vote), commitIndex: try reader.readIndex())
    }
}

extension Configuration: RaftCodable {
    public func write(to writer: inout ByteWriter) {
        writer.write(voters)
        writer.write(outgoingVoters)
        writer.write(learners)
        writer.write(nextLearners)
        writer.write(leaving == .explicit)
    }

    public init(reading reader: inout ByteReader) throws(ByteReader.Malformed) {
        self.init(
            voters: try reader.readNodes(), outgoingVoters: try reader.readNodes(),
            learners: try reader.readNodes(), nextLearners: try reader.readNodes(),
            leaving: try reader.readBool() ? .explicit : .automatic)
    }
}

extension SnapshotMetadata: RaftCodable {
    public func write(to writer: inout ByteWriter) {
        writer.write(index)
        writer.write(term)
        configuration.write(to: &writer)
    }

    public init(reading reader: inout ByteReader) throws(ByteReader.Malformed) {
        self.init(
            index: try reader.readIndex(), term: try reader.readTerm(),
            configuration: try Configuration(reading: &reader))
    }
}

extension SnapshotChunk: RaftCodable {
    public func write(to writer: inout ByteWriter) {
        snapshot.write(to: &writer)
        writer.write(source)
        writer.writeVariable(offset)
        writer.write(isLast)
        writer.write(bytes)
    }

    public init(reading reader: inout ByteReader) throws(ByteReader.Malformed) {
        let snapshot = try SnapshotMetadata(reading: &reader)
        let source = try reader.readNode()
        let offset = try reader.readNumber("an offset")
        let isLast = try reader.readBool()
        self.init(snapshot: snapshot, source: source, offset: offset, bytes: try reader.readBytes(), isLast: isLast)
    }
}
