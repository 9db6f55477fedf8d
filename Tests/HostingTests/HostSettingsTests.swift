import ApusHosting
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
}
