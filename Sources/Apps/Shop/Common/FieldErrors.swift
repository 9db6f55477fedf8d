import ApusRPC

/// Collects what is wrong with the fields of a request, so that one answer names all of it.
struct FieldErrors {
    private(set) var list: [FieldError] = []

    /// - Parameter detail: what is asked of the field; it must not repeat the value.
    mutating func check(_ isRight: Bool, _ field: String, _ detail: @autoclosure () -> String) {
        if !isRight { list.append(FieldError(field: field, detail: detail())) }
    }

    /// - Throws: `Problem` 422 when a check failed.
    func throwIfAny() throws {
        if !list.isEmpty { throw Problem.invalidFields(list) }
    }

    static func fail(_ field: String, _ detail: String) -> Problem {
        .invalidFields([FieldError(field: field, detail: detail)])
    }
}

struct FieldError: Codable, Hashable, Sendable {
    let field: String
    let detail: String
}
