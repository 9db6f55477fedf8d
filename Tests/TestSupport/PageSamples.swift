import Foundation

/// Samples of the pages in docs/, and the code that they are copied from.
public enum PageSamples {
    private static let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// What stands in the file at `path`, from the repository's root, between lines that are `start` and `end`: without these
    /// and without common indentation.
    public static func blocks(of path: String, from start: String, to end: String) throws -> [String] {
        var (blocks, block): ([String], [Substring]?) = ([], nil)
        let text = try String(contentsOf: repository.appending(path: path), encoding: .utf8)
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let trimmed = line.trimmingCharacters(in: .whitespaces)
            if trimmed == start {
                block = []
            } else if trimmed == end, let lines = block {
                let margin = lines.filter { !$0.isEmpty }.map { $0.prefix { $0 == " " }.count }.min() ?? 0
                blocks.append(lines.map { $0.dropFirst(margin) }.joined(separator: "\n"))
                block = nil
            } else {
                block?.append(line)
            }
        }
        return blocks
    }
}
