import ApusCoordination
import Foundation
import TestSupport
import Testing

@testable import shop

struct FolderTenancyTests {
    @Test func processesShareAFolderButNoInstance() async throws {
        let folder = try TemporaryDirectory()
        let first = try await FolderTenancy(folder.url, instances: ["order-1"])
        let second = try await FolderTenancy(folder.url, instances: ["order-2", "user-1"])
        let error = await #expect(throws: StartFailure.self) {
            try await FolderTenancy(folder.url, instances: ["cart-1", "user-1"])
        }
        #expect(error?.description.contains("user-1 runs already") == true)
        second.end()
        // What the refused one had taken, it has let go of.
        let third = try await FolderTenancy(folder.url, instances: ["cart-1", "user-1"])
        for tenancy in [first, third] { tenancy.end() }
    }

    @Test func aShopOfOneProcessAndOneOfManyKeepEachOtherOut() async throws {
        let folder = try TemporaryDirectory()
        let many = try await FolderTenancy(folder.url, instances: ["order-1"])
        let refused = #expect(throws: StartFailure.self) { try DataFolder.openStore(folder.url) }
        #expect(refused?.description.contains("another shop runs") == true)
        many.end()
        let store = try DataFolder.openStore(folder.url)
        let error = await #expect(throws: StartFailure.self) {
            try await FolderTenancy(folder.url, instances: ["order-1"])
        }
        #expect(error?.description.contains("with a registry of its own") == true)
        await store.close()
    }

    @Test func anAuditIsRefusedWhileAnyProcessRuns() async throws {
        let folder = try TemporaryDirectory()
        let tenancy = try await FolderTenancy(folder.url, instances: ["order-1"])
        let running = await #expect(throws: AuditCopy.Failure.self) { try await AuditCopy(of: folder.url) }
        #expect(running?.description.contains("a shop runs on") == true)
        tenancy.end()
        let empty = await #expect(throws: AuditCopy.Failure.self) { try await AuditCopy(of: folder.url) }
        #expect(empty?.description.contains("it has no user.db") == true)
    }
}
