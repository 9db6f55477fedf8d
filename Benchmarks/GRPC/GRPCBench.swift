import ApusGRPC
import ApusPrimitives
import NIOCore
import NIOPosix

/// The Swift side of `make bench-grpc`: an echo server, and a closed loop of callers.
///
///     grpc-bench server PORT THREADS
///     grpc-bench unary PORT CALLERS CONNECTIONS BYTES SECONDS RUNS [PATH [loop]]
///     grpc-bench stream PORT STREAMS BYTES SECONDS RUNS
///     grpc-bench idle PORT CONNECTIONS STREAMS   (opens them, says so, and waits for the end of its input)
@main
struct GRPCBench {
    static func main() async throws {
        let arguments = CommandLine.arguments
        func number(_ index: Int) -> Int { index < arguments.count ? Int(arguments[index]) ?? 0 : 0 }
        switch arguments.count > 1 ? arguments[1] : "" {
        case "server": try await serve(port: number(2), threads: max(number(3), 1))
        case "unary":
            let path = arguments.count > 8 ? arguments[8] : "bench.Echo/Echo"
            try await Load(
                port: number(2), callers: number(3), connections: number(4), bytes: number(5), seconds: number(6),
                runs: number(7), path: path, onLoop: arguments.last == "loop"
            ).run()
        case "stream":
            try await StreamLoad(
                port: number(2), streams: number(3), bytes: number(4), seconds: number(5), runs: number(6)
            ).run()
        case "idle": try await Idle(port: number(2), connections: number(3), streams: number(4)).run()
        default: print("usage: see GRPCBench.swift")
        }
    }

    /// Echo answers on the event loop, EchoAsync in a task, EchoOnLoopTask in a task on the loop; Stream echoes messages.
    static func serve(port: Int, threads: Int) async throws {
        var settings = GRPCServerSettings(port: port)
        settings.threads = threads
        let echo = GRPCService("bench.Echo") { service in
            service.onLoop(raw: "Echo") { request, _ in request }
            service.unary(raw: "EchoAsync") { request, _ in request }
            service.stream(raw: "Stream") { requests, replies, _ in
                for try await request in requests { try await replies.send(request) }
            }
        }
        try await GRPCServer(services: [echo], settings: settings).run()
    }
}
