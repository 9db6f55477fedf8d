import ApusKV
import ApusPrimitives

/// Makes requests that meet each other: few keys, few leases, revisions around the present, now and then nonsense.
struct RandomTrace {
    var random: SeededRandom
    var revision: Int64 = 1
    var compacted: Int64 = 0

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
    }

    mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
    mutating func chance(_ oneIn: Int) -> Bool { number(1...oneIn) == 1 }

    mutating func key() -> Bytes {
        if chance(200) { return "" }
        let alphabet: [UInt8] = [0, 0x61, 0x62, 0x63, 0xFF]
        return Bytes((0..<number(1...2)).map { _ in alphabet.randomElement(using: &random)! })
    }

    mutating func range() -> KeyRange {
        switch number(0...9) {
        case 0...3: .key(key())
        case 4...5: .prefix(key())
        case 6...7: .range(key(), key())
        case 8: .from(key())
        default: chance(2) ? .all : KeyRange(key: key(), rangeEnd: key())
        }
    }

    mutating func value() -> Bytes { Bytes("v\(number(0...3))") }
    mutating func lease() -> LeaseID { chance(3) ? LeaseID(Int64(number(0...6))) : .none }

    mutating func anyRevision() -> Revision {
        if chance(20) { return Revision(Int64(number(-2...2))) }
        return Revision(Int64.random(in: max(0, compacted - 1)...revision + 1, using: &random))
    }

    mutating func rangeRequest() -> RangeRequest {
        var request = RangeRequest(range())
        if chance(2) { request.limit = number(0...5) }
        if chance(3) { request.revision = anyRevision() }
        request.sortOrder = RangeRequest.SortOrder.allCases.randomElement(using: &random)!
        if chance(2) { request.sortTarget = RangeRequest.SortTarget.allCases.randomElement(using: &random)! }
        request.keysOnly = chance(6)
        request.countOnly = chance(6)
        if chance(6) { request.minModRevision = anyRevision() }
        if chance(6) { request.maxModRevision = anyRevision() }
        if chance(6) { request.minCreateRevision = anyRevision() }
        if chance(6) { request.maxCreateRevision = anyRevision() }
        return request
    }

    mutating func putRequest() -> PutRequest {
        let ignoreValue = chance(10)
        let ignoreLease = chance(10)
        return PutRequest(
            key: key(), value: ignoreValue && !chance(10) ? "" : value(),
            lease: ignoreLease && !chance(10) ? .none : lease(), previous: chance(3), ignoreValue: ignoreValue,
            ignoreLease: ignoreLease)
    }

    mutating func deleteRequest() -> DeleteRangeRequest {
        DeleteRangeRequest(chance(2) ? .key(key()) : range(), previous: chance(2))
    }

    mutating func compare() -> Compare {
        let target: Compare.Target =
            switch number(0...4) {
            case 0: .version(Int64(number(0...3)))
            case 1: .create(anyRevision())
            case 2: .mod(anyRevision())
            case 3: .value(value())
            default: .lease(lease())
            }
        return Compare(
            chance(3) ? range() : .key(key()), target, Compare.Result.allCases.randomElement(using: &random)!)
    }

    mutating func txnRequest(depth: Int = 0) -> TxnRequest {
        var request = TxnRequest()
        for _ in 0..<number(0...2) { request.compares.append(compare()) }
        for _ in 0..<number(0...3) { request.success.append(operation(depth: depth)) }
        for _ in 0..<number(0...3) { request.failure.append(operation(depth: depth)) }
        return request
    }

    mutating func operation(depth: Int) -> Operation {
        switch number(0...9) {
        case 0...2: .range(rangeRequest())
        case 3...6: .put(putRequest())
        case 7...8: .delete(deleteRequest())
        default: depth < 3 ? .txn(txnRequest(depth: depth + 1)) : .put(putRequest())
        }
    }

    mutating func command() -> Command {
        switch number(0...99) {
        case 0..<45: .put(putRequest())
        case 45..<60: .delete(deleteRequest())
        case 60..<88: .txn(txnRequest())
        case 88..<92: .compact(anyRevision())
        case 92..<97: .grant(lease(), ttlSeconds: chance(20) ? 9_000_000_001 : Int64(number(-1...20)))
        default: .revoke(lease())
        }
    }
}
