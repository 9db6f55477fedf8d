import ApusPrimitives

extension ByteReader {
    mutating func readCase<Case: RawRepresentable<UInt8>>(_ type: Case.Type = Case.self) throws -> Case {
        let raw = try read(UInt8.self)
        guard let value = Case(rawValue: raw) else { throw KVError.malformed("\(raw) is no \(Case.self)") }
        return value
    }

    mutating func readRevision() throws -> Revision {
        Revision(try readVariable(Int64.self))
    }

    mutating func readLeaseID() throws -> LeaseID {
        LeaseID(try readVariable(Int64.self))
    }

    mutating func readRange() throws -> KeyRange {
        let start = try readBytes()
        switch try readCase(RangeEndTag.self) {
        case .single: return .key(start)
        case .before: return .range(start, try readBytes())
        case .unbounded: return KeyRange(start: start, end: .unbounded)
        }
    }

    mutating func readPut() throws -> PutRequest {
        var request = PutRequest(key: try readBytes(), value: try readBytes(), lease: try readLeaseID())
        let flags = try readFlags(3)
        request.previous = flags[0]
        request.ignoreValue = flags[1]
        request.ignoreLease = flags[2]
        return request
    }

    mutating func readDelete() throws -> DeleteRangeRequest {
        DeleteRangeRequest(try readRange(), previous: try readFlags(1)[0])
    }

    mutating func readRangeRequest() throws -> RangeRequest {
        var request = RangeRequest(try readRange())
        request.limit = Int(try readVariable(Int64.self))
        request.revision = try readRevision()
        request.sortOrder = try readCase()
        request.sortTarget = try readCase()
        let flags = try readFlags(2)
        request.keysOnly = flags[0]
        request.countOnly = flags[1]
        request.minModRevision = try readRevision()
        request.maxModRevision = try readRevision()
        request.minCreateRevision = try readRevision()
        request.maxCreateRevision = try readRevision()
        return request
    }

    /// Nested deeper than a transaction's budget of operations allows cannot have been accepted, and is refused before
    /// it costs stack.
    mutating func readTxn(depth: Int) throws -> TxnRequest {
        guard depth <= KVStore.maximumOperationsPerTransaction else {
            throw KVError.malformed("transactions nested more than \(depth - 1) deep")
        }
        var request = TxnRequest()
        for _ in 0..<(try readCount()) { request.compares.append(try readCompare()) }
        request.success = try readOperations(depth: depth)
        request.failure = try readOperations(depth: depth)
        return request
    }

    private mutating func readOperations(depth: Int) throws -> [Operation] {
        var operations: [Operation] = []
        for _ in 0..<(try readCount()) {
            switch try readCase(OperationTag.self) {
            case .range: operations.append(.range(try readRangeRequest()))
            case .put: operations.append(.put(try readPut()))
            case .delete: operations.append(.delete(try readDelete()))
            case .txn: operations.append(.txn(try readTxn(depth: depth + 1)))
            }
        }
        return operations
    }

    private mutating func readCompare() throws -> Compare {
        let range = try readRange()
        let result = try readCase(Compare.Result.self)
        let target: Compare.Target =
            switch try readCase(CompareTag.self) {
            case .version: .version(try readVariable(Int64.self))
            case .create: .create(try readRevision())
            case .mod: .mod(try readRevision())
            case .value: .value(try readBytes())
            case .lease: .lease(try readLeaseID())
            }
        return Compare(range, target, result)
    }

    /// A number of items, each of which takes a byte at least.
    mutating func readCount() throws -> Int {
        let count = try readVariable(UInt64.self)
        guard count <= UInt64(remaining) else { throw KVError.malformed("\(count) items in \(remaining) bytes") }
        return Int(count)
    }

    private mutating func readFlags(_ count: Int) throws -> [Bool] {
        let byte = try read(UInt8.self)
        guard Int(byte) < 1 << count else { throw KVError.malformed("\(byte) is not \(count) flags") }
        return (0..<count).map { byte >> UInt8($0) & 1 == 1 }
    }
}
