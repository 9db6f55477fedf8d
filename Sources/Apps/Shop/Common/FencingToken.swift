import ApusRPC

/// Tells the coordinators that have worked on an order apart: whoever took it over later has the higher number.
///
/// Inventory and payment remember the highest they have seen for an order and refuse whoever comes with an older one, so
/// a coordinator that was paused for too long does no harm when it wakes.
struct FencingToken: Hashable, Sendable {
    static let headerName = "apus-fencing-token"

    let value: Int64

    init(_ value: Int64) {
        self.value = value
    }

    /// - Parameter headers: the values of the header field in a request.
    /// - Throws: `Problem` 400 when it is missing or is not one decimal number from 0 on.
    init(headers: [String]) throws {
        guard headers.count == 1, let text = headers.first, (1...19).contains(text.utf8.count),
            text.utf8.allSatisfy({ (48...57).contains($0) }), let value = Int64(text)
        else {
            throw Problem.badRequest(
                "The header field \(Self.headerName) must hold one decimal number.", field: Self.headerName)
        }
        self.value = value
    }
}
