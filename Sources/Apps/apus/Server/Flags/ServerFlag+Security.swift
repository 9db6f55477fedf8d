extension ServerFlag {
    private static let notChecked =
        "this restriction is not checked here, and ignoring it would let more in than you meant"

    static let security: [ServerFlag] = [
        ServerFlag(
            name: "cert-file", kind: .text, standard: "", section: .security,
            help: "The certificate of the client port, PEM, with its chain."),
        ServerFlag(name: "key-file", kind: .text, standard: "", section: .security, help: "Its private key, PEM."),
        ServerFlag(
            name: "client-cert-auth", kind: .truth, standard: "false", section: .security,
            help: "Clients must show a certificate that --trusted-ca-file signed; its common name is their user."),
        ServerFlag(
            name: "trusted-ca-file", kind: .text, standard: "", section: .security,
            help: "The authorities of clients' certificates, PEM."),
        ServerFlag(
            name: "auto-tls", kind: .truth, standard: "false", section: .security,
            help: "A certificate made at the first start: encrypted, but nobody vouches for it."),
        ServerFlag(
            name: "peer-cert-file", kind: .text, standard: "", section: .security,
            help: "The certificate that this node shows to the others, as server and as client."),
        ServerFlag(name: "peer-key-file", kind: .text, standard: "", section: .security, help: "Its private key, PEM."),
        ServerFlag(
            name: "peer-client-cert-auth", kind: .truth, standard: "false", section: .security,
            help: "Other nodes must show a certificate that --peer-trusted-ca-file signed."),
        ServerFlag(
            name: "peer-trusted-ca-file", kind: .text, standard: "", section: .security,
            help: "The authorities of nodes' certificates, PEM."),
        ServerFlag(
            name: "peer-auto-tls", kind: .truth, standard: "false", section: .security,
            help: "Certificates made at the first start.",
            effect: .refused(
                "give --peer-cert-file and --peer-key-file: a certificate that nobody checks protects from nobody")),
        ServerFlag(
            name: "self-signed-cert-validity", kind: .number(1...100, unit: "years"), standard: "1",
            section: .security, help: "How many years a certificate of --auto-tls lasts."),
        ServerFlag(
            name: "tls-min-version", kind: .choice(["TLS1.2", "TLS1.3"]), standard: "TLS1.2", section: .security,
            help: "The oldest TLS that is spoken."),
        ServerFlag(
            name: "tls-max-version", kind: .choice(["", "TLS1.2", "TLS1.3"]), standard: "", section: .security,
            help: "The newest TLS that is spoken; empty for the newest there is."),
        ServerFlag(
            name: "cipher-suites", kind: .names, standard: "", section: .security,
            help: "Cipher suites of TLS 1.2, by the names of RFC 8446 and its ancestors; those of TLS 1.3 are all good."
        ),
        ServerFlag(
            name: "cors", kind: .names, standard: "*", section: .security,
            help: "Origins whose pages may call the HTTP endpoints; * is all."),
        ServerFlag(
            name: "host-whitelist", kind: .names, standard: "*", section: .security,
            help: "Host names that HTTP requests without TLS may be for; * is all. Keeps DNS rebinding out."),
        ServerFlag(
            name: "client-crl-file", kind: .text, standard: "", section: .security,
            help: "Revoked client certificates.", effect: .refused(notChecked)),
        ServerFlag(
            name: "client-cert-allowed-hostname", kind: .text, standard: "", section: .security,
            help: "The name or address that clients' certificates must be for."),
        ServerFlag(
            name: "peer-cert-allowed-cn", kind: .text, standard: "", section: .security,
            help: "The common name that nodes' certificates must have."),
        ServerFlag(
            name: "peer-cert-allowed-hostname", kind: .text, standard: "", section: .security,
            help: "The name or address that nodes' certificates must be for; not with --peer-cert-allowed-cn."),
        ServerFlag(
            name: "peer-crl-file", kind: .text, standard: "", section: .security,
            help: "Revoked certificates of nodes.", effect: .refused(notChecked)),
    ]
}
