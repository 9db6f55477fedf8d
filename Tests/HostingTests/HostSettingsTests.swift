import ApusHosting
import ApusResilience
import Configuration
import Logging
import Testing

@Suite struct HostSettingsTests {
    private func settings(_ values: [AbsoluteConfigKey: ConfigValue]) -> HostSettings {
        HostSettings(ConfigReader(provider: InMemoryProvider(values: values)))
    }

    @Test func `what the configuration has counts, the rest is the default`() {
        let settings = settings([
            "port": "8081", "advertisedHost": "a.example", "maxBodyBytes": "2048", "requestTimeoutSeconds": "2.5",
            "leaseTTLSeconds": "3", "logLevel": "debug",
        ])
        #expect(settings.port == 8081)
        #expect(settings.advertisedHost == "a.example")
        #expect(settings.maxBodyBytes == 2048)
        #expect(settings.requestTimeout == .milliseconds(2500))
        #expect(settings.leaseTTLSeconds == 3)
        #expect(settings.logLevel == .debug)
        #expect(settings.maxHeaderBytes == HostSettings().maxHeaderBytes)
        #expect(settings.complaints.isEmpty)
    }

    @Test(arguments: [
        ("port", "70000"), ("port", "http"), ("maxBodyBytes", "-1"), ("maxConcurrentRequests", "0"),
        ("maxConcurrentRequests", "100001"), ("minConcurrentRequests", "0"), ("maxRequestsPerSecond", "0"),
        ("maxRequestBurst", "many"),
        ("requestTimeoutSeconds", "-2"), ("requestTimeoutSeconds", "nan"), ("leaseTTLSeconds", "0"),
        ("logLevel", "loud"),
    ])
    func `a value that cannot be is named, and the default holds`(key: String, value: String) {
        let settings = settings([AbsoluteConfigKey([key]): ConfigValue(stringLiteral: value)])
        #expect(settings.complaints.count == 1)
        #expect(settings.complaints.first?.contains(key) == true)
        #expect(settings.complaints.first?.contains(value) == true)
        let standard = HostSettings()
        #expect(settings.port == standard.port && settings.maxBodyBytes == standard.maxBodyBytes)
        #expect(settings.requestTimeout == standard.requestTimeout && settings.logLevel == standard.logLevel)
    }

    @Test func `a rate limit is set by its requests a second and its burst`() {
        let settings = settings(["maxRequestsPerSecond": "50", "maxRequestBurst": "75"])
        #expect(settings.rateLimit == RateLimiter.Configuration(permits: 50, per: .seconds(1), burst: 75))
        #expect(settings.admission.rateLimit == settings.rateLimit)
        #expect(self.settings(["maxRequestBurst": "75"]).rateLimit == nil)
    }

    @Test func `the limit moves between the bounds, and stands still where they meet`() {
        let standard = HostSettings().admission.loadShedding
        #expect(standard?.minimumLimit == 64 && standard?.initialLimit == 256 && standard?.maximumLimit == 256)
        let small = settings(["maxConcurrentRequests": "8"]).admission.loadShedding
        #expect(small?.minimumLimit == 8 && small?.maximumLimit == 8)
    }
}
