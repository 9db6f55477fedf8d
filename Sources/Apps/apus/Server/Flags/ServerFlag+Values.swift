import ApusControlPlane

extension ServerFlag {
    /// What is wrong with `text` as a value of this flag; nil when nothing is.
    func complaint(_ text: String) -> String? {
        switch kind {
        case .text, .names: nil
        case .truth: Self.truth(text) == nil ? "'\(text)' is neither true nor false" : nil
        case .number(let range, let unit): complaint(number: text, range, unit)
        case .duration:
            GoDuration.parse(text) == nil && !text.isEmpty
                ? "'\(text)' is not a duration; write it like 5s, 100ms or 1h30m" : nil
        case .choice(let choices):
            choices.contains(text) ? nil : "'\(text)' is not one of \(Self.quoted(choices))"
        case .urls:
            text.isEmpty && standard.isEmpty ? nil : Self.complaint(urls: text)
        }
    }

    /// As Go reads them.
    static func truth(_ text: String) -> Bool? {
        switch text {
        case "1", "t", "T", "true", "TRUE", "True": true
        case "0", "f", "F", "false", "FALSE", "False": false
        default: nil
        }
    }

    private func complaint(number text: String, _ range: ClosedRange<Int64>, _ unit: String) -> String? {
        guard let number = Int64(text) else {
            return "'\(text)' is not a whole number\(unit.isEmpty ? "" : " of \(unit)"), such as \(standard)"
        }
        if range.contains(number) { return nil }
        return range.upperBound == .max
            ? "\(text) is too small; at least \(range.lowerBound) \(unit)"
            : "\(text) is out of range; from \(range.lowerBound) to \(range.upperBound) \(unit)"
    }

    private static func complaint(urls text: String) -> String? {
        do {
            _ = try ServiceURL.list(text)
            return nil
        } catch { return error.message }
    }

    private static func quoted(_ choices: [String]) -> String {
        choices.map { $0.isEmpty ? "''" : $0 }.joined(separator: ", ")
    }
}
