/// What nodes show each other: certificates of one authority, for both directions.
extension TestCertificates {
    public static let nodeAuthority = """
        -----BEGIN CERTIFICATE-----
        MIIBbzCCARagAwIBAgIUKiYE5GTcNHGSdQun+PtsF4ZVtowwCgYIKoZIzj0EAwIw
        HTEbMBkGA1UEAwwSQXB1cyBUZXN0IE5vZGVzIENBMCAXDTIwMDEwMTAwMDAwMFoY
        DzIxMjYwMTAxMDAwMDAwWjAdMRswGQYDVQQDDBJBcHVzIFRlc3QgTm9kZXMgQ0Ew
        WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAART3shbimvpcwp5OwGABh6Fc9VKgupD
        12dmf72r8eSU1+nZZR2zZjan20ktawDUb+aUbzw9fBejAeo3xE6rG68CozIwMDAP
        BgNVHRMBAf8EBTADAQH/MB0GA1UdDgQWBBTyyhLWCuUHBD8TAdKUvUJMRuWlfzAK
        BggqhkjOPQQDAgNHADBEAiAQgF6GfkDM49VbNZAF3lKECQX4KvqJV3kMafs4qlxx
        GwIgew0/5OdtViZQMFHLdn1397hJ/ZqY540Jr2gCUNSwssk=
        -----END CERTIFICATE-----
        """

    /// For localhost and 127.0.0.1, valid for a century.
    public static let node = """
        -----BEGIN CERTIFICATE-----
        MIIBjjCCATSgAwIBAgIULwshxUsyoDJ581KPYrEUXlT6VyswCgYIKoZIzj0EAwIw
        HTEbMBkGA1UEAwwSQXB1cyBUZXN0IE5vZGVzIENBMCAXDTIwMDEwMTAwMDAwMFoY
        DzIxMjYwMTAxMDAwMDAwWjAPMQ0wCwYDVQQDDARub2RlMFkwEwYHKoZIzj0CAQYI
        KoZIzj0DAQcDQgAEUDiQPT2e62cdVcbqbwtX9f1EHCcNYVQMON3JG8mX/9qYpOTe
        3Elj1Uy7QlFDGBGZH4HSkj0sHUh3VsXHTlKpv6NeMFwwGgYDVR0RBBMwEYIJbG9j
        YWxob3N0hwR/AAABMB0GA1UdJQQWMBQGCCsGAQUFBwMBBggrBgEFBQcDAjAfBgNV
        HSMEGDAWgBTyyhLWCuUHBD8TAdKUvUJMRuWlfzAKBggqhkjOPQQDAgNIADBFAiBG
        9/0D2Qg7/O5C8wtXvPcKFa9KV3MpmrSD5ScVSAU5fgIhALDRElVoH0QEddkQ5BPh
        1NWoac2/5dHjRnJ3tagEEDHB
        -----END CERTIFICATE-----
        """

    public static let nodeKey = """
        -----BEGIN EC PRIVATE KEY-----
        MHcCAQEEIDbrcFPLzFhEvElWT4Yeq5/ID5Q/yUlaf2xyXekD2aKPoAoGCCqGSM49
        AwEHoUQDQgAEUDiQPT2e62cdVcbqbwtX9f1EHCcNYVQMON3JG8mX/9qYpOTe3Elj
        1Uy7QlFDGBGZH4HSkj0sHUh3VsXHTlKpvw==
        -----END EC PRIVATE KEY-----
        """

    /// For a machine of that name.
    public static let elsewhere = """
        -----BEGIN CERTIFICATE-----
        MIIBjDCCATOgAwIBAgIUXang4cwMukErd0I6IdSWvXWKN70wCgYIKoZIzj0EAwIw
        HTEbMBkGA1UEAwwSQXB1cyBUZXN0IE5vZGVzIENBMCAXDTIwMDEwMTAwMDAwMFoY
        DzIxMjYwMTAxMDAwMDAwWjAUMRIwEAYDVQQDDAllbHNld2hlcmUwWTATBgcqhkjO
        PQIBBggqhkjOPQMBBwNCAASf02g+rRpLSYYke9pzVnDcp4wf5HoH6gM1X2aaII2o
        xJVVBhTwWTbiERHtAZS9bsb2jByIGW7ORTNSWICSlHBdo1gwVjAUBgNVHREEDTAL
        ggllbHNld2hlcmUwHQYDVR0lBBYwFAYIKwYBBQUHAwEGCCsGAQUFBwMCMB8GA1Ud
        IwQYMBaAFPLKEtYK5QcEPxMB0pS9QkxG5aV/MAoGCCqGSM49BAMCA0cAMEQCIBDD
        wBYHHINbOs4wlPbJsk4/HeRS1my2XBubSgDYBkTaAiBd+hApv0O1vDCr6Tlg4wel
        ejIHz34WwfxhJWUZfNXrNQ==
        -----END CERTIFICATE-----
        """

    public static let elsewhereKey = """
        -----BEGIN EC PRIVATE KEY-----
        MHcCAQEEID2WzLjia4CNfso64dVIfcMlgc6Kl7aklR8ePphrvU2LoAoGCCqGSM49
        AwEHoUQDQgAEn9NoPq0aS0mGJHvac1Zw3KeMH+R6B+oDNV9mmiCNqMSVVQYU8Fk2
        4hER7QGUvW7G9owciBluzkUzUliAkpRwXQ==
        -----END EC PRIVATE KEY-----
        """

    /// As `node`, until 2021.
    public static let expired = """
        -----BEGIN CERTIFICATE-----
        MIIBjzCCATSgAwIBAgITHYmFKshVqCVlhdgsaY+zYCPmXzAKBggqhkjOPQQDAjAd
        MRswGQYDVQQDDBJBcHVzIFRlc3QgTm9kZXMgQ0EwHhcNMjAwMTAxMDAwMDAwWhcN
        MjEwMTAxMDAwMDAwWjASMRAwDgYDVQQDDAdleHBpcmVkMFkwEwYHKoZIzj0CAQYI
        KoZIzj0DAQcDQgAEqd/ok/dNmeo1lZStLOTcCO++V28G2MSM/LaiXeHKTKq2Sa86
        sLaZ3o3zm+zjBcTgJSxgcrDnkgU/q5T/lq0GK6NeMFwwGgYDVR0RBBMwEYIJbG9j
        YWxob3N0hwR/AAABMB0GA1UdJQQWMBQGCCsGAQUFBwMBBggrBgEFBQcDAjAfBgNV
        HSMEGDAWgBTyyhLWCuUHBD8TAdKUvUJMRuWlfzAKBggqhkjOPQQDAgNJADBGAiEA
        tyYz+Y1GeWJ70gGokf/8JTR/3vUelzvLqmWMn54nrXUCIQCgJKmlsX7E99a60pG7
        4FFMSlDXv3pQKxgwn1QtEeeMLQ==
        -----END CERTIFICATE-----
        """

    public static let expiredKey = """
        -----BEGIN EC PRIVATE KEY-----
        MHcCAQEEIDaJbXuA3oNj9pfMhqqxa039eEM2DzRkDhuAuH+8wz/5oAoGCCqGSM49
        AwEHoUQDQgAEqd/ok/dNmeo1lZStLOTcCO++V28G2MSM/LaiXeHKTKq2Sa86sLaZ
        3o3zm+zjBcTgJSxgcrDnkgU/q5T/lq0GKw==
        -----END EC PRIVATE KEY-----
        """
}
