public import NIOSSL

/// Certificates that only tests trust: an authority, a server and a client of it, and a client of another one. They are
/// valid for a century.
public enum TestCertificates {
    public static let authority = """
        -----BEGIN CERTIFICATE-----
        MIIBhTCCASugAwIBAgIUQSI9mwHh1KSGpMhyXbzLf1oDAVowCgYIKoZIzj0EAwIw
        FzEVMBMGA1UEAwwMQXB1cyBUZXN0IENBMCAXDTI2MTEyMTE4NDEyNFoYDzIxMjYx
        MDI4MTg0MTI0WjAXMRUwEwYDVQQDDAxBcHVzIFRlc3QgQ0EwWTATBgcqhkjOPQIB
        BggqhkjOPQMBBwNCAATHHhMmcZzQfQX5eRSM6O6sO0kaymYFZ25UrJ1S9XiEN6lU
        be+TQRZEpecj5xVGAN5Eer/HqStzHdrlnqPwG7QFo1MwUTAdBgNVHQ4EFgQUYy3V
        yEbLMkBV2hE+05DCXkOtLo8wHwYDVR0jBBgwFoAUYy3VyEbLMkBV2hE+05DCXkOt
        Lo8wDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEAj3OV1mVaXB+5
        QTTLiEPIraCWHZ5XqWltgPanBKoManwCIHwESOy+OLTCsB5tp1aZaYkGl9T9R/tu
        9hZHm0QkZvnq
        -----END CERTIFICATE-----
        """

    public static let server = """
        -----BEGIN CERTIFICATE-----
        MIIBozCCAUmgAwIBAgIUJOn5+iYhVw5X2f6/UPS9k/YgXXUwCgYIKoZIzj0EAwIw
        FzEVMBMGA1UEAwwMQXB1cyBUZXN0IENBMCAXDTI2MTEyMTE5MDc0OFoYDzIxMjYx
        MDI4MTkwNzQ4WjARMQ8wDQYDVQQDDAZzZXJ2ZXIwWTATBgcqhkjOPQIBBggqhkjO
        PQMBBwNCAAQl2cpQ4iQ5b0UHuAkjuJL7GqgySfU714RSZdnoVVX6KlOlwMp18Pxy
        yFY8gyKLGTNPMBmAXYVI1sTULBJfg1EAo3cwdTAUBgNVHREEDTALgglsb2NhbGhv
        c3QwHQYDVR0lBBYwFAYIKwYBBQUHAwEGCCsGAQUFBwMCMB0GA1UdDgQWBBSsCAkP
        vAqwbVOACx9YHdjuKjrYOzAfBgNVHSMEGDAWgBRjLdXIRssyQFXaET7TkMJeQ60u
        jzAKBggqhkjOPQQDAgNIADBFAiEAozZJiRcZ+EJv/HXY6p9hiKX0B5eLpdPmxAiv
        EkwsSukCIG/wFDusXIIlHFaSt+Cyo1h5phCj6PLZ48PqArdDbvAY
        -----END CERTIFICATE-----
        """

    public static let serverKey = """
        -----BEGIN EC PRIVATE KEY-----
        MHcCAQEEIEcRcIYGQtp3Bsj//HlPC5zoOlJ6mXdmsbkKLvrMzyxJoAoGCCqGSM49
        AwEHoUQDQgAEJdnKUOIkOW9FB7gJI7iS+xqoMkn1O9eEUmXZ6FVV+ipTpcDKdfD8
        cshWPIMiixkzTzAZgF2FSNbE1CwSX4NRAA==
        -----END EC PRIVATE KEY-----
        """

    public static let client = """
        -----BEGIN CERTIFICATE-----
        MIIBoDCCAUagAwIBAgIUJOn5+iYhVw5X2f6/UPS9k/YgXXQwCgYIKoZIzj0EAwIw
        FzEVMBMGA1UEAwwMQXB1cyBUZXN0IENBMCAXDTI2MTEyMTE4NDEyNFoYDzIxMjYx
        MDI4MTg0MTI0WjARMQ8wDQYDVQQDDAZjbGllbnQwWTATBgcqhkjOPQIBBggqhkjO
        PQMBBwNCAARl5m1st6h9cKUKXXkv0mVeEvTIs+ryCmbGAAZ7NUkx/xIcZ9mBiZup
        zbgvDCYZuL4Rz9G3SUopPvn7OqAbA0z8o3QwcjARBgNVHREECjAIggZjbGllbnQw
        HQYDVR0lBBYwFAYIKwYBBQUHAwEGCCsGAQUFBwMCMB0GA1UdDgQWBBSb5M6aPDtm
        hD9dFiqvG+ojzW8XBzAfBgNVHSMEGDAWgBRjLdXIRssyQFXaET7TkMJeQ60ujzAK
        BggqhkjOPQQDAgNIADBFAiEAh5oU4ksEW107yR2J2wyKnBYlh+HWHojAd/+vpQzV
        TE4CIBNOWioPo5GEwOMpSxY7Gx4wIUh8GhS93F8snniTXVoz
        -----END CERTIFICATE-----
        """

    public static let clientKey = """
        -----BEGIN EC PRIVATE KEY-----
        MHcCAQEEIPQnbwad18QU5JKpSUoqiWBuqR7zgyOAXB8b8Ue9TdCUoAoGCCqGSM49
        AwEHoUQDQgAEZeZtbLeofXClCl15L9JlXhL0yLPq8gpmxgAGezVJMf8SHGfZgYmb
        qc24LwwmGbi+Ec/Rt0lKKT75+zqgGwNM/A==
        -----END EC PRIVATE KEY-----
        """

    public static let stranger = """
        -----BEGIN CERTIFICATE-----
        MIIBoDCCAUagAwIBAgIUUD5V5qbiVXZAAiMp981WCbK6z/MwCgYIKoZIzj0EAwIw
        EzERMA8GA1UEAwwIT3RoZXIgQ0EwIBcNMjYxMTIxMTg0MTI0WhgPMjEyNjEwMjgx
        ODQxMjRaMBMxETAPBgNVBAMMCHN0cmFuZ2VyMFkwEwYHKoZIzj0CAQYIKoZIzj0D
        AQcDQgAEWsM/jn9mxTlwVJwOI2EaNNg7UKENAxT8qo0916vbigOjewiQ+XcPizLb
        slr1H6Gbt9ACfMkdEdZc0md9ljkH56N2MHQwEwYDVR0RBAwwCoIIc3RyYW5nZXIw
        HQYDVR0lBBYwFAYIKwYBBQUHAwEGCCsGAQUFBwMCMB0GA1UdDgQWBBR0MC39wB5D
        btQJsD7xhiJfQWOC3zAfBgNVHSMEGDAWgBRqwly0Y5Eu9EGnU1YrFtII2M1cqzAK
        BggqhkjOPQQDAgNIADBFAiBocACJaROUANdPe3ViHFhT3UOpu1GOFoXzBz5yjRCa
        SQIhAPiHKpQHubgsmdziWRDw9FQdSmjtig/86SWbuhKcK+ap
        -----END CERTIFICATE-----
        """

    public static let strangerKey = """
        -----BEGIN EC PRIVATE KEY-----
        MHcCAQEEIKfECEf7Mn+TCpKf/735QQVdnWNnd7tszlTbdTYcIGigoAoGCCqGSM49
        AwEHoUQDQgAEWsM/jn9mxTlwVJwOI2EaNNg7UKENAxT8qo0916vbigOjewiQ+XcP
        izLbslr1H6Gbt9ACfMkdEdZc0md9ljkH5w==
        -----END EC PRIVATE KEY-----
        """

    public static func certificate(_ pem: String) throws -> NIOSSLCertificate {
        try NIOSSLCertificate(bytes: Array(pem.utf8), format: .pem)
    }

    public static func key(_ pem: String) throws -> NIOSSLPrivateKey {
        try NIOSSLPrivateKey(bytes: Array(pem.utf8), format: .pem)
    }

    /// - Parameter asksClients: mutual TLS.
    public static func forServer(asksClients: Bool) throws -> TLSConfiguration {
        var tls = TLSConfiguration.makeServerConfiguration(
            certificateChain: [.certificate(try certificate(server))], privateKey: .privateKey(try key(serverKey)))
        if asksClients {
            tls.trustRoots = .certificates([try certificate(authority)])
            tls.certificateVerification = .noHostnameVerification
        }
        return tls
    }

    /// - Parameter own: the certificate and key to show; nil for none.
    public static func forClient(own: (certificate: String, key: String)? = nil, trusts root: String = authority) throws
        -> TLSConfiguration
    {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.trustRoots = .certificates([try certificate(root)])
        if let own {
            tls.certificateChain = [.certificate(try certificate(own.certificate))]
            tls.privateKey = .privateKey(try key(own.key))
        }
        return tls
    }
}
