import ApusControlPlane
import ArgumentParser

/// What is done with snapshots in files, those of etcd too; no member is asked.
extension SnapshotCommand {
    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say what is in a snapshot: its hash, its revision, how many keys, how large.")
        @Argument(help: "The file.") var words: [String] = []
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run() async throws {
            guard words.count == 1 else {
                throw CtlFailure.arguments("snapshot status requires exactly one argument")
            }
            let output = try global.output()
            let status: SnapshotArchive.Status
            do {
                status = try SnapshotArchive.status(of: words[0])
            } catch {
                throw CtlFailure(.error, "\(error)")
            }
            let row = [
                String(status.hash, radix: 16), "\(status.revision)", "\(status.totalKeys)",
                GoText.size(Int64(status.totalBytes)),
            ]
            try output.show(nil) {
                "{\"hash\":\(status.hash),\"revision\":\(status.revision),\"totalKey\":\(status.totalKeys)"
                    + ",\"totalSize\":\(status.totalBytes)}"
            } simple: {
                $0.line(row.joined(separator: ", "))
            } fields: {
                $0.field("Hash", status.hash)
                $0.field("Revision", status.revision)
                $0.field("Keys", status.totalKeys)
                $0.field("Size", status.totalBytes)
            } table: {
                CtlTable(titles: ["hash", "revision", "total keys", "total size"], rows: [row])
            }
        }
    }

    struct Restore: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make the data folder of a member of a new cluster from a snapshot.",
            discussion: "Each member is restored from the same file, and then started with the same flags.")
        @Argument(help: "The file.") var file: String
        @Option(help: "The folder, which must not have data yet; NAME.etcd when it is not given.") var dataDir: String?
        @Option(help: "The member's name.") var name = "default"
        @Option(help: "The members of the new cluster: NAME=URL,…") var initialCluster = "default=http://localhost:2380"
        @Option(help: "Tells clusters apart.") var initialClusterToken = "etcd-cluster"
        @Option(help: "Where peers find this member.") var initialAdvertisePeerUrls = "http://localhost:2380"
        @Flag(help: "Take a file without a checksum, such as a copy of a database.") var skipHashCheck = false

        func run() async throws {
            var settings = ControlPlaneSettings(dataFolder: dataDir ?? "\(name).etcd")
            settings.name = name
            settings.clusterToken = initialClusterToken
            settings.initialAdvertisePeerURLs = initialAdvertisePeerUrls.split(separator: ",").map(String.init)
            settings.initialCluster = try initialCluster.split(separator: ",").map { member in
                let parts = member.split(separator: "=", maxSplits: 1).map(String.init)
                guard parts.count == 2 else {
                    throw CtlFailure.arguments("--initial-cluster: '\(member)' is not NAME=URL")
                }
                return .init(name: parts[0], peerURL: parts[1])
            }
            do {
                try await SnapshotArchive.restore(file, into: settings, checkingHash: !skipHashCheck)
            } catch {
                throw CtlFailure(.error, "\(error)")
            }
            print("\(settings.dataFolder) is the data folder of \(name)")
        }
    }
}
