/// What `shop run` prints once it takes requests: where it is, and an order that works when it is pasted.
enum Announcement {
    static func text(url: String, instances: [(id: String, url: String)], isWhole: Bool) -> String {
        let width = instances.map(\.id.count).max() ?? 0
        let list = instances.map { "  " + $0.id.padded(to: width) + "  \($0.url)" }.joined(separator: "\n")
        guard isWhole else { return "The shop runs in part:\n\(list)" }
        return """
            Services:
            \(list)

            The shop is open at \(url)

            Open that page, then paste this to order something and watch its saga:

            \(journey(url: url).split(separator: "\n").map { "  " + $0 }.joined(separator: "\n"))

            Card 4000000000000002 declines: order with it, and watch everything be put back.
            Ctrl-C stops the shop; its books are kept.
            """
    }

    /// Where somebody on this machine finds a gateway that listens on `host`.
    static func url(host: String, port: Int) -> String {
        let host = ["0.0.0.0", "::"].contains(host) ? "127.0.0.1" : host
        return host.contains(":") ? "http://[\(host)]:\(port)" : "http://\(host):\(port)"
    }

    /// Lines for a POSIX shell with curl and sed.
    static func journey(url: String) -> String {
        #"""
        SHOP=\#(url) JSON='content-type: application/json'
        curl -sS -w '\n' $SHOP/users -H "$JSON" -d '{"name":"Ada","email":"ada@example.com","password":"swifts sleep aloft"}'
        TOKEN=$(curl -sS $SHOP/auth/login -H "$JSON" -d '{"email":"ada@example.com","password":"swifts sleep aloft"}' | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
        curl -sS -w '\n' $SHOP/cart -H "authorization: Bearer $TOKEN" -H "$JSON" -d '{"product_id":"nest-box","quantity":2}'
        ORDER=$(curl -sS $SHOP/orders -H "authorization: Bearer $TOKEN" -H "$JSON" -H "idempotency-key: $(date +%s)" -d '{"card_number":"4242424242424242"}' | sed 's/.*"id":"\([^"]*\)".*/\1/')
        sleep 1; curl -sS -w '\n' $SHOP/orders/$ORDER -H "authorization: Bearer $TOKEN"
        """#
    }
}

extension String {
    func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }
}
