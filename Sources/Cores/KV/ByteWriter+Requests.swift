import ApusPrimitives

enum OperationTag: UInt8 {
    case range = 1
    case put = 2
    case delete = 3
    case txn = 4
}

/// Not the wire form of etcd, in which an end at the byte 0 means something else.
enum RangeEndTag: UInt8 {
    case single = 0
    case before = 1
    case unbounded = 2
}

enum CompareTag: UInt8 {
    case version = 1
    case create = 2
    case mod = 3
    case value = 4
    case lease = 5
}

extension ByteWriter {
    mutating func write(_ range: KeyRange) {
        write(range.start)
        switch range.end {
        case .single: write(RangeEndTag.single.rawValue)
        case .before(let key):
            write(RangeEndTag.before.rawValue)
            write(key)
        case .unbounded: write(RangeEndTag.unbounded.rawValue)
        }
    }

    mutating func write(_ request: PutRequest) {
        write(request.key)
        write(request.value)
        writeVariable(request.lease.rawValue)
        writeFlags(request.previous, request.ignoreValue, request.ignoreLease)
    }

    mutating func write(_ request: DeleteRangeRequest) {
        write(request.range)
        writeFlags(request.previous)
    }

    mutating func write(_ request: RangeRequest) {
        write(request.range)
        writeVariable(Int64(request.limit))
        writeVariable(request.revision.rawValue)
        write(request.sortOrder.rawValue)
        write(request.sortTarget.rawValue)
        writeFlags(request.keysOnly, request.countOnly)
        writeVariable(request.minModRevision.rawValue)
        writeVariable(request.maxModRevision.rawValue)
        writeVariable(request.minCreateRevision.rawValue)
        writeVariable(request.maxCreateRevision.rawValue)
    }

    mutating func write(_ request: TxnRequest) {
        writeVariable(UInt64(request.compares.count))
        for compare in request.compares { write(compare) }
        write(request.success)
        write(request.failure)
    }

    private mutating func write(_ operations: [Operation]) {
        writeVariable(UInt64(operations.count))
        for operation in operations {
            switch operation {
            case .range(let request):
                write(OperationTag.range.rawValue)
                write(request)
            case .put(let request):
                write(OperationTag.put.rawValue)
                write(request)
            case .delete(let request):
                write(OperationTag.delete.rawValue)
                write(request)
            case .txn(let request):
                write(OperationTag.txn.rawValue)
                write(request)
            }
        }
    }

    private mutating func write(_ compare: Compare) {
        write(compare.range)
        write(compare.result.rawValue)
        switch compare.target {
        case .version(let version):
            write(CompareTag.version.rawValue)
            writeVariable(version)
        case .create(let revision):
            write(CompareTag.create.rawValue)
            writeVariable(revision.rawValue)
        case .mod(let revision):
            write(CompareTag.mod.rawValue)
            writeVariable(revision.rawValue)
        case .value(let value):
            write(CompareTag.value.rawValue)
            write(value)
        case .lease(let lease):
            write(CompareTag.lease.rawValue)
            writeVariable(lease.rawValue)
        }
    }

    /// Up to eight flags in one byte, the first in the lowest bit.
    private mutating func writeFlags(_ flags: Bool...) {
        write(flags.enumerated().reduce(UInt8(0)) { $1.element ? $0 | 1 << UInt8($1.offset) : $0 })
    }
}
