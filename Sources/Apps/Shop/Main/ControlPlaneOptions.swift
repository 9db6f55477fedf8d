import ArgumentParser

/// The flags that lead to a control plane, named as those of `apus ctl`.
struct ControlPlaneOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The members of the control plane: `apus server` or etcd.",
            discussion: "With commas between. Environment: SHOP_ENDPOINTS. Default: a registry in the data folder.",
            valueName: "url,…"))
    var endpoints: String?

    @Option(
        help: ArgumentHelp(
            "Who asks the control plane.", discussion: "Better in the environment: SHOP_USER.",
            valueName: "name:password"))
    var user: String?

    @Option(
        help: ArgumentHelp(
            "The certificates that a member's must come from, a PEM file.", discussion: "Environment: SHOP_CACERT.",
            valueName: "file"))
    var cacert: String?

    @Option(
        help: ArgumentHelp(
            "One's own certificate, a PEM file.", discussion: "Environment: SHOP_CERT.", valueName: "file"))
    var cert: String?

    @Option(
        help: ArgumentHelp(
            "The key of one's own certificate, a PEM file.", discussion: "Environment: SHOP_KEY.", valueName: "file"))
    var key: String?

    var given: ControlPlaneAccess.Given {
        .init(endpoints: endpoints, user: user, cacert: cacert, cert: cert, key: key)
    }
}
