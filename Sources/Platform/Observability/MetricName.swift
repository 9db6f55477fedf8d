/// Names, labels and numbers as the text format wants them (prometheus.io/docs/instrumenting/exposition_formats).
enum MetricName {
    /// Longer label values are cut: a value is a key of memory, not a place for documents.
    static let maxValueScalars = 256

    static func metric(_ label: String, kind: MetricKind) -> String {
        var name = sanitized(label, allowsColon: true)
        switch kind {
        case .counter: if !name.hasSuffix("_total") { name += "_total" }
        case .timer: if !name.hasSuffix("_seconds") { name += "_seconds" }
        case .gauge, .recorder: break
        }
        return name
    }

    /// `le` belongs to the buckets, and names with two leading underscores to Prometheus itself.
    static func label(_ label: String, isHistogram: Bool) -> String {
        let name = sanitized(label, allowsColon: false)
        if isHistogram && name == "le" || name.hasPrefix("__") { return "exported_" + name }
        return name
    }

    static func escapedValue(_ value: String) -> String {
        var text = ""
        // One character may be made of any number of scalars.
        for scalar in value.unicodeScalars.prefix(maxValueScalars) {
            switch scalar {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    static func escapedHelp(_ help: String) -> String {
        help.reduce(into: "") { text, character in
            switch character {
            case "\\": text += "\\\\"
            case "\n", "\r\n": text += "\\n"
            default: text.append(character)
            }
        }
    }

    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if value == value.rounded(), abs(value) < 1e15 { return String(Int64(value)) }
        return value.description
    }

    private static func sanitized(_ label: String, allowsColon: Bool) -> String {
        var name = ""
        for scalar in label.unicodeScalars {
            switch scalar {
            case "a"..."z", "A"..."Z", "_": name.unicodeScalars.append(scalar)
            case "0"..."9":
                if name.isEmpty { name = "_" }
                name.unicodeScalars.append(scalar)
            case ":" where allowsColon: name.unicodeScalars.append(scalar)
            default: name += "_"
            }
        }
        return name.isEmpty ? "_" : name
    }
}
