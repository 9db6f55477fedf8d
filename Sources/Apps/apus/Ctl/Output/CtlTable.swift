import Foundation

/// A table with lines around its cells, its numbers to the right.
struct CtlTable {
    var titles: [String]
    var rows: [[String]]

    var text: String {
        let widths = titles.indices.map { column in
            ([titles[column]] + rows.map { $0[column] }).map(\.count).max() ?? 0
        }
        let rule = "+" + widths.map { String(repeating: "-", count: $0 + 2) + "+" }.joined() + "\n"
        func row(_ cells: [String], _ place: (String, Int) -> String) -> String {
            "|" + zip(cells, widths).map { " \(place($0, $1)) |" }.joined() + "\n"
        }
        let head = row(titles.map { $0.uppercased() }) { cell, width in
            let left = (width - cell.count) / 2
            return Self.blank(left) + cell + Self.blank(width - cell.count - left)
        }
        let body = rows.map { row($0) { cell, width in Self.blank(width - cell.count) + cell } }.joined()
        return rule + head + rule + body + (rows.isEmpty ? "" : rule)
    }

    private static func blank(_ count: Int) -> String { String(repeating: " ", count: count) }
}
