public import ApusPrimitives

extension Command {
    /// The first byte of every encoded command. A decoder refuses versions it does not know.
    static let formatVersion: UInt8 = 1

    public func encoded() -> [UInt8] {
        var writer = ByteWriter(reservingCapacity: 64)
        encode(to: &writer)
        return writer.bytes
    }

    public func encode(to writer: inout ByteWriter) {
        writer.write(Self.formatVersion)
        switch self {
        case .put(let request):
            writer.write(Tag.put.rawValue)
            writer.write(request)
        case .delete(let request):
            writer.write(Tag.delete.rawValue)
            writer.write(request)
        case .txn(let request):
            writer.write(Tag.txn.rawValue)
            writer.write(request)
        case .compact(let revision):
            writer.write(Tag.compact.rawValue)
            writer.writeVariable(revision.rawValue)
        case .grant(let id, let ttlSeconds):
            writer.write(Tag.grant.rawValue)
            writer.writeVariable(id.rawValue)
            writer.writeVariable(ttlSeconds)
        case .revoke(let id):
            writer.write(Tag.revoke.rawValue)
            writer.writeVariable(id.rawValue)
        }
    }

    /// Decodes exactly what `encoded` made.
    /// - Throws: `malformed`.
    public init(decoding bytes: some Collection<UInt8>) throws(KVError) {
        var reader = ByteReader(Array(bytes))
        try self.init(from: &reader)
        guard reader.remaining == 0 else { throw .malformed("\(reader.remaining) bytes follow the command") }
    }

    /// Reads one command and leaves what follows it.
    /// - Throws: `malformed`.
    public init(from reader: inout ByteReader) throws(KVError) {
        do {
            self = try Self.read(from: &reader)
        } catch let error as KVError {
            throw error
        } catch {
            throw .malformed("command: \(error)")
        }
    }

    private static func read(from reader: inout ByteReader) throws -> Command {
        let version = try reader.read(UInt8.self)
        guard version == formatVersion else { throw KVError.malformed("command of the unknown version \(version)") }
        switch try reader.readCase(Tag.self) {
        case .put: return .put(try reader.readPut())
        case .delete: return .delete(try reader.readDelete())
        case .txn: return .txn(try reader.readTxn(depth: 0))
        case .compact: return .compact(try reader.readRevision())
        case .grant:
            return .grant(try reader.readLeaseID(), ttlSeconds: try reader.readVariable(Int64.self))
        case .revoke: return .revoke(try reader.readLeaseID())
        }
    }

    private enum Tag: UInt8 {
        case put = 1
        case delete = 2
        case txn = 3
        case compact = 4
        case grant = 5
        case revoke = 6
    }
}
