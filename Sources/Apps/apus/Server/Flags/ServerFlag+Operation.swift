extension ServerFlag {
    static let operation: [ServerFlag] = [
        ServerFlag(
            name: "auth-token", kind: .text, standard: "simple", section: .auth,
            help: "The kind of token that `authenticate` gives. Only `simple`: random, and known to the cluster alone."),
        ServerFlag(
            name: "auth-token-ttl", kind: .number(1...(1 << 31), unit: "seconds"), standard: "300", section: .auth,
            help: "How long a token lasts after its last use."),
        ServerFlag(
            name: "bcrypt-cost", kind: .number(4...31, unit: "rounds, as a power of two"), standard: "10",
            section: .auth, help: "How costly it is to try a password."),
        ServerFlag(
            name: "listen-metrics-urls", kind: .urls, standard: "", section: .monitoring,
            help:
                "More ports, for /metrics, /health, /livez and /readyz alone; with the TLS of the client port for https."
        ),
        ServerFlag(
            name: "metrics", kind: .choice(["basic", "extensive"]), standard: "basic", section: .monitoring,
            help: "How much is counted.", effect: .none("all that is counted is shown")),
        ServerFlag(
            name: "log-level", kind: .choice(["debug", "info", "warn", "error", "panic", "fatal"]), standard: "info",
            section: .monitoring, help: "How much is logged."),
        ServerFlag(
            name: "log-outputs", kind: .names, standard: "default", section: .monitoring,
            help: "Where the log goes, as JSON lines: `default` or `stderr`, `stdout`, or the path of a file."),
        ServerFlag(
            name: "logger", kind: .choice(["zap"]), standard: "zap", section: .monitoring,
            help: "Only `zap`, which means structured lines."),
    ]
}
