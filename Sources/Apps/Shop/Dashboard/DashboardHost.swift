import ApusHosting
import HTTPTypes
import Hummingbird

/// Builds an instance of the dashboard.
enum DashboardHost {
    static func make(_ platform: ShopPlatform) throws -> ServiceHost {
        let page = try DashboardPage()
        let source = DashboardSource(platform)
        let snapshots = FreshValue(maxAge: .seconds(1)) { await source.snapshot() }
        let settings = SettingsRoutes(desk: platform.controls.settings)
        // It is built after the services of this process.
        return platform.host(services: platform.configsOfOthers()) { router in
            settings.add(to: router)
            router.get("/") { _, _ in
                let html = page.html(DashboardView(await snapshots.value))
                var headers = HTTPFields()
                for (name, value) in DashboardPage.headers {
                    if let name = HTTPField.Name(name) { headers[name] = value }
                }
                return Response(
                    status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: html)))
            }
        }
    }
}
