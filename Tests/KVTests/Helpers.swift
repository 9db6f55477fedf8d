import ApusKV
import ApusPrimitives

extension KVStore {
    @discardableResult
    mutating func put(_ key: Bytes, _ value: Bytes = "v", lease: LeaseID = .none) throws(KVError) -> Revision {
        try put(PutRequest(key: key, value: value, lease: lease)).revision
    }

    @discardableResult
    mutating func delete(_ range: KeyRange) throws(KVError) -> Int {
        try delete(DeleteRangeRequest(range)).deleted
    }

    func get(_ key: Bytes, at revision: Int64 = 0) throws(KVError) -> KeyValue? {
        try range(RangeRequest(.key(key), revision: Revision(revision))).kvs.first
    }

    func keys(_ range: KeyRange = .all, at revision: Int64 = 0) throws(KVError) -> [Bytes] {
        try self.range(RangeRequest(range, revision: Revision(revision))).kvs.map(\.key)
    }
}

/// The error that `body` ends with.
func error(of body: () throws -> Void) -> KVError? {
    do {
        try body()
        return nil
    } catch {
        return error as? KVError
    }
}

func code(of body: () throws -> Void) -> KVError.Code? {
    error(of: body)?.code
}

func outcome<Value>(_ body: () throws(KVError) -> Value) -> Result<Value, KVError> {
    do throws(KVError) {
        return .success(try body())
    } catch {
        return .failure(error)
    }
}

func at(_ seconds: Int64) -> MonotonicTime {
    .zero + .seconds(seconds)
}

func put(_ key: Bytes, _ value: Bytes = "v") -> Operation {
    .put(PutRequest(key: key, value: value))
}

func delete(_ range: KeyRange) -> Operation {
    .delete(DeleteRangeRequest(range))
}

func get(_ key: Bytes) -> Operation {
    .range(RangeRequest(.key(key)))
}
