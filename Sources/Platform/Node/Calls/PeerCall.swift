import ApusPrimitives
public import ApusRaft

/// What a node asks the one that leads, or answers it, beside Raft's messages: not replicated, not repeated, perhaps lost.
public struct PeerCall: Sendable {
    enum Kind: UInt8, Sendable {
        /// For the application's observer.
        case application = 1
        /// A change of members.
        case change = 2
        /// A transfer of leadership.
        case transfer = 3
    }

    enum Body: Sendable {
        case request(Kind, [UInt8])
        case answer(Result<[UInt8], NodeError>)
    }

    public let from: NodeID
    public let to: NodeID
    /// The asker's number of the request; the answer carries the same.
    let number: UInt64
    let body: Body
}

extension PeerCall {
    private enum Tag: UInt8 {
        case request = 1
        case success = 2
        case failure = 3
    }

    func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.writeVariable(from.rawValue)
        writer.writeVariable(to.rawValue)
        writer.write(number)
        switch body {
        case .request(let kind, let bytes):
            writer.write(Tag.request.rawValue)
            writer.write(kind.rawValue)
            writer.write(raw: bytes)
        case .answer(.success(let bytes)):
            writer.write(Tag.success.rawValue)
            writer.write(raw: bytes)
        case .answer(.failure(let error)):
            writer.write(Tag.failure.rawValue)
            error.write(to: &writer)
        }
        return writer.bytes
    }

    /// - Throws: `NodeError` `.wrongPeer`.
    init(decoding bytes: [UInt8]) throws {
        do {
            var reader = ByteReader(bytes)
            from = NodeID(try reader.readVariable(UInt64.self))
            to = NodeID(try reader.readVariable(UInt64.self))
            number = try reader.read()
            switch Tag(rawValue: try reader.read()) {
            case .request:
                guard let kind = Kind(rawValue: try reader.read()) else {
                    throw NodeError(.wrongPeer, "a request of an unknown kind")
                }
                body = .request(kind, Array(try reader.read(raw: reader.remaining)))
            case .success: body = .answer(.success(Array(try reader.read(raw: reader.remaining))))
            case .failure: body = .answer(.failure(try NodeError(from: &reader)))
            case nil: throw NodeError(.wrongPeer, "neither a request nor an answer")
            }
        } catch let error as ByteReader.Malformed {
            throw NodeError(.wrongPeer, "a request or an answer that can't be read", cause: error)
        }
    }
}

extension NodeError {
    fileprivate func write(to writer: inout ByteWriter) {
        writer.write(code.rawValue)
        writer.write(message)
        writer.write(mayHaveHappened ? 1 as UInt8 : 0)
        switch retry {
        case .never: writer.writeVariable(0 as UInt64)
        case .after(let wait): writer.writeVariable(UInt64(max(0, wait.nanoseconds)) + 1)
        }
        writer.writeVariable(leader?.id.rawValue ?? 0)
        writer.write(leader?.address ?? "")
    }

    fileprivate init(from reader: inout ByteReader) throws(ByteReader.Malformed) {
        let code = Code(rawValue: try reader.readString())
        let message = try reader.readString()
        let mayHaveHappened = try reader.read(UInt8.self) == 1
        let wait = try reader.readVariable(UInt64.self)
        let leader = try reader.readVariable(UInt64.self)
        let address = try reader.readString()
        self.init(
            code, message, retry: wait == 0 ? .never : .after(.nanoseconds(Int64(clamping: wait - 1))),
            mayHaveHappened: mayHaveHappened, leader: leader == 0 ? nil : Member(NodeID(leader), at: address))
    }
}
