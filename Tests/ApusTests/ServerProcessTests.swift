import ApusEtcdAPI
import ApusGRPC
import Foundation
import NIOSSL
import SwiftProtobuf
import TestSupport
import Testing

/// The built program, as an operator starts it.
@Suite(.timeLimit(.minutes(2))) struct ServerProcessTests {
    /// A process that ends with this value.
    private final class Running {
        let process = Process()
        let output = Pipe()
        let errors = Pipe()

        init(_ words: [String]) throws {
            process.executableURL = try BuiltProgram.url("apus")
            process.arguments = ["server"] + words
            process.environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("ETCD") }
            process.standardOutput = output
            process.standardError = errors
            try process.run()
        }

        /// Its status, and its lines on standard error.
        func end() -> (status: Int32, lines: [String]) {
            let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            return (process.terminationStatus, text.split(separator: "\n").map(String.init))
        }

        deinit {
            if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        }
    }

    private func ports(in folder: TemporaryDirectory, scheme: String = "http") -> [String] {
        [
            "--data-dir", folder.file("data"), "--listen-client-urls", "\(scheme)://127.0.0.1:0",
            "--listen-peer-urls", "http://127.0.0.1:0",
        ]
    }

    @Test func `it says where it listens, serves, and ends with 0 after SIGTERM`() async throws {
        let folder = try TemporaryDirectory()
        let server = try Running(ports(in: folder) + ["--max-wals", "9", "--log-outputs", folder.file("log")])
        let line = String(decoding: server.output.fileHandleForReading.availableData, as: UTF8.self)
        #expect(line.hasPrefix("client http://127.0.0.1:"))
        let port = try #require(Int(line.dropFirst("client http://127.0.0.1:".count).dropLast()))
        try await eventually {
            try await RawConnection.exchange(
                "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", port: port
            ).status == 200
        }
        kill(server.process.processIdentifier, SIGTERM)
        let (status, lines) = server.end()
        #expect(status == 0)
        #expect(lines == [], "the log is in the file")
        let log = try String(contentsOfFile: folder.file("log"), encoding: .utf8)
        #expect(log.contains("flags without effect here: --max-wals (a node keeps the log it needs)"))
        for line in log.split(separator: "\n") { _ = try JSONSerialization.jsonObject(with: Data(line.utf8)) }
    }

    @Test func `a certificate made at the start serves gRPC, and is kept`() async throws {
        let folder = try TemporaryDirectory()
        var certificates: [Data] = []
        for _ in 0..<2 {
            let server = try Running(
                ports(in: folder, scheme: "https") + ["--auto-tls", "--log-outputs", folder.file("log")])
            let line = String(decoding: server.output.fileHandleForReading.availableData, as: UTF8.self)
            let address = try #require(line.split(separator: "//").last?.dropLast().description)
            #expect(line.hasPrefix("client https://"))
            var settings = GRPCClientSettings()
            let path = folder.file("data/fixtures/client/cert.pem")
            certificates.append(try Data(contentsOf: URL(filePath: path)))
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.trustRoots = .file(path)
            settings.tls = tls
            let client = try GRPCClient([try #require(GRPCEndpoint(address))], settings: settings)
            let reply: EtcdRangeResponse = try await client.unary(
                "\(EtcdService.kv)/Range", EtcdRangeRequest.with { $0.key = Data("a".utf8) },
                options: GRPCCallOptions(timeout: .seconds(30), waitForReady: true))
            #expect(reply.header.revision == 1)
            await client.stop()
            kill(server.process.processIdentifier, SIGINT)
            #expect(server.end().status == 0)
        }
        #expect(certificates[0] == certificates[1])
    }

    @Test func `what keeps it from starting is one line and a status`() throws {
        let folder = try TemporaryDirectory()
        let wrong = try Running(["--naem", "x"]).end()
        #expect(wrong.status == 64)
        #expect(
            wrong.lines == [
                "apus server: --naem is not a flag of apus server; did you mean --name? (`apus server --help` lists all)"
            ])
        let missing = try Running(
            ports(in: folder, scheme: "https") + ["--cert-file", "/nowhere", "--key-file", "/nowhere"]
        ).end()
        #expect(missing.status == 1)
        #expect(missing.lines == ["apus server: --cert-file: '/nowhere' cannot be read"])
        let unwritable = try Running(["--log-outputs", "/nowhere/log"]).end()
        #expect(unwritable.status == 1)
        #expect(unwritable.lines.count == 1)
    }

    @Test func `it listens on all of its URLs, for clients and for peers`() async throws {
        let folder = try TemporaryDirectory()
        let ports = try await freePorts(4)
        let urls = ports.map { "http://127.0.0.1:\($0)" }
        let server = try Running([
            "--data-dir", folder.file("data"), "--listen-client-urls", urls[0...1].joined(separator: ","),
            "--advertise-client-urls", urls[0], "--listen-peer-urls", urls[2...3].joined(separator: ","),
            "--initial-advertise-peer-urls", urls[3], "--initial-cluster", "default=\(urls[3])", "--log-outputs",
            folder.file("log"),
        ])
        for port in ports {
            try await eventually {
                guard let connection = try? await RawConnection.connect(port: port) else { return false }
                await connection.close()
                return true
            }
        }
        for port in ports[0...1] {
            try await eventually {
                try await RawConnection.exchange(
                    "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", port: port
                ).status == 200
            }
        }
        kill(server.process.processIdentifier, SIGTERM)
        #expect(server.end().status == 0)
    }

    @Test func `an address in use is named`() async throws {
        let folder = try TemporaryDirectory()
        let first = try Running(ports(in: folder) + ["--log-outputs", folder.file("log")])
        let line = String(decoding: first.output.fileHandleForReading.availableData, as: UTF8.self)
        let url = String(line.dropFirst("client ".count).dropLast())
        let second = try Running([
            "--data-dir", folder.file("other"), "--listen-client-urls", url, "--advertise-client-urls", url,
            "--listen-peer-urls", "http://127.0.0.1:0", "--log-outputs", folder.file("log2"),
        ]).end()
        #expect(second.status == 1)
        #expect(second.lines.last?.contains("an address is in use already, one of \(url)") == true, "\(second.lines)")
    }
}
