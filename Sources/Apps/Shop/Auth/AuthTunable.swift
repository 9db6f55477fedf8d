/// What the config center can change in the auth service.
enum AuthTunable {
    static let accessTokenSeconds = Tunable("access_token_seconds", 900, in: 10...3600)
    static let refreshTokenSeconds = Tunable("refresh_token_seconds", 30 * 86_400, in: 60...366 * 86_400)
    static let keyRotationSeconds = Tunable("key_rotation_seconds", 30 * 86_400, in: 600...366 * 86_400)
    static let loginFreeFailures = Tunable("login_free_failures", 5, in: 1...1000)
    static let loginMaxPauseSeconds = Tunable("login_max_pause_seconds", 300, in: 1...86_400)

    static let all = [
        accessTokenSeconds, refreshTokenSeconds, keyRotationSeconds, loginFreeFailures, loginMaxPauseSeconds,
    ]

    static func loginLimits(_ tunables: Tunables) -> LoginThrottle.Limits {
        var limits = LoginThrottle.Limits()
        limits.freeFailures = Int(tunables[loginFreeFailures])
        limits.maxPause = .seconds(tunables[loginMaxPauseSeconds])
        return limits
    }
}
