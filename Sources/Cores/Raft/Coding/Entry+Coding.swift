public import ApusPrimitives

extension Entry: RaftCodable {
    public func write(to writer: inout ByteWriter) {
        writer.write(index)
        writer.write(term)
        switch payload {
        case .empty:
            writer.write(Tag.empty.rawValue)
        case .command(let command):
            writer.write(Tag.command.rawValue)
            writer.write(command)
        case .configuration(let configuration, let context):
            writer.write(Tag.configuration.rawValue)
            configuration.write(to: &writer)
            writer.write(context)
        }
    }

    public init(reading reader: inout ByteReader) throws(ByteReader.Malformed) {
        let start = reader.offset
        let index = try reader.readIndex()
        guard index > .zero else { throw ByteReader.Malformed(offset: start, expected: "an index other than 0") }
        let term = try reader.readTerm()
        let payload: Payload =
            switch try reader.readTag(Tag.self, "an entry") {
            case .empty: .empty
            case .command: .command(try reader.readBytes())
            case .configuration:
                .configuration(try Configuration(reading: &reader), context: try reader.readBytes())
            }
        self.init(term: term, index: index, payload: payload)
    }

    private enum Tag: UInt8 {
        case empty = 0
        case command = 1
        case configuration = 2
    }
}
