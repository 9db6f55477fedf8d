/// What RFC 9113, sections 8.2 and 8.3 demand of a list of fields, gathered while the list is decoded.
struct HTTP2FieldRules {
    enum Kind { case request, response, trailers }

    /// The rule that was broken first.
    private(set) var fault: StaticString?
    /// The list is longer than our limits.
    var isTooLong = false
    private(set) var contentLength: Int?
    private var pseudo: UInt8 = 0
    private var regularSeen = false
    private var statusIsInformational = false
    private var pathIsEmpty = false
    private var methodIsConnect = false

    /// The response is a 1xx.
    var isInformational: Bool { statusIsInformational }

    @inline(__always)
    mutating func note(
        _ name: HTTP2Name, _ kind: HTTP2FieldKind, _ value: UnsafeRawBufferPointer, valueIsValid: Bool
    ) {
        if !valueIsValid { broken("a field value with a byte that none may have (8.2.1)") }
        switch kind {
        case .regular: regularSeen = true
        case .pseudo: notePseudo(name, value)
        case .te:
            regularSeen = true
            if !value.equals("trailers") { broken("te with another value than trailers (8.2.2)") }
        case .contentLength:
            regularSeen = true
            noteContentLength(value)
        case .malformed: broken("a field name that HTTP/2 does not allow (8.2)")
        }
    }

    @inline(__always)
    private mutating func notePseudo(_ name: HTTP2Name, _ value: UnsafeRawBufferPointer) {
        let bit = 1 << (name.rawValue &- HTTP2Name.method.rawValue) as UInt8
        if regularSeen { broken("a pseudo field after a regular one (8.3)") }
        if pseudo & bit != 0 { broken("a pseudo field twice (8.3)") }
        pseudo |= bit
        switch name {
        case .path: pathIsEmpty = value.isEmpty
        case .method: methodIsConnect = value.equals("CONNECT")
        case .status:
            guard value.count == 3, let status = value.decimal(), status >= 100 else {
                return broken("a status that is not a number of three digits (8.3.2)")
            }
            statusIsInformational = status < 200
        default: break
        }
    }

    private mutating func noteContentLength(_ value: UnsafeRawBufferPointer) {
        guard let count = value.decimal(), contentLength == nil || contentLength == count else {
            return broken("a content-length that is not one number (8.1.1)")
        }
        contentLength = count
    }

    private mutating func broken(_ rule: StaticString) {
        if fault == nil { fault = rule }
    }

    /// The rule that the whole list breaks, as a list of this kind.
    func verdict(as kind: Kind) -> StaticString? {
        if let fault { return fault }
        let bit = { (name: HTTP2Name) in 1 << (name.rawValue - HTTP2Name.method.rawValue) as UInt8 }
        switch kind {
        case .trailers:
            return pseudo == 0 ? nil : "a pseudo field in trailers (8.3)"
        case .response:
            return pseudo == bit(.status) ? nil : "not exactly :status in a response (8.3.2)"
        case .request:
            if pseudo & bit(.status) != 0 { return ":status in a request (8.3)" }
            if methodIsConnect {
                return pseudo == bit(.method) | bit(.authority) ? nil : "CONNECT with :scheme or :path (8.5)"
            }
            let needed = bit(.method) | bit(.scheme) | bit(.path)
            if pseudo & needed != needed { return "a request without :method, :scheme or :path (8.3.1)" }
            return pathIsEmpty ? "an empty :path (8.3.1)" : nil
        }
    }
}
