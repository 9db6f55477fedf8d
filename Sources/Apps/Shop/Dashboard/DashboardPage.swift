import Crypto
import Foundation
import Mustache

/// The page as HTML, with the headers that keep anything but its own script and style from running in it.
struct DashboardPage: Sendable {
    private let template: MustacheTemplate

    init() throws {
        template = try MustacheTemplate(string: DashboardTemplate.page)
    }

    func html(_ view: DashboardView) -> String {
        template.render(view)
    }

    /// Sent with every answer. The policy names style and script by their hashes, so injected markup stays dead text.
    static let headers: [(name: String, value: String)] = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Cache-Control", "no-store"),
        (
            "Content-Security-Policy",
            [
                "default-src 'none'", "style-src '\(hash(DashboardTemplate.style))'",
                "script-src '\(hash(DashboardTemplate.script))'", "connect-src 'self'", "img-src data:",
                "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
            ].joined(separator: "; ")
        ),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
    ]

    private static func hash(_ text: String) -> String {
        "sha256-" + Data(SHA256.hash(data: Array(text.utf8))).base64EncodedString()
    }
}
