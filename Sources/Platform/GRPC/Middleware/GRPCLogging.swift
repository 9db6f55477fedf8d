import ApusObservability
import ApusPrimitives
public import Logging

/// A line for each call: failed ones with what was thrown, as `warning` where the server is at fault; the others as `debug`.
public struct GRPCLogging: GRPCServerMiddleware, GRPCClientInterceptor {
    private let logger: Logger

    public init(_ logger: Logger) {
        self.logger = logger
    }

    public func began(_ head: inout GRPCRequestHead) throws {}
    public func began(_ head: inout GRPCCallHead) throws {}

    public func ended(_ head: GRPCRequestHead, _ outcome: GRPCOutcome) {
        let trace = head.trace?.traceID
        log("gRPC call served", head.path, outcome, trace: trace.map { "\($0)" })
    }

    public func ended(_ head: GRPCCallHead, _ outcome: GRPCOutcome) {
        log("gRPC call made", head.path, outcome, trace: nil)
    }

    private func log(_ text: Logger.Message, _ path: String, _ outcome: GRPCOutcome, trace: String?) {
        let level = Self.level(of: outcome.code)
        guard logger.logLevel <= level else { return }
        var metadata: Logger.Metadata = [
            "method": "\(path)", "status": "\(outcome.code)", "milliseconds": "\(outcome.duration.seconds * 1000)",
        ]
        if let error = outcome.error { metadata["error"] = "\(error)" }
        if let trace { metadata["trace_id"] = "\(trace)" }
        logger.log(level: level, text, metadata: metadata)
    }

    private static func level(of code: GRPCCode) -> Logger.Level {
        switch code {
        case .unknown, .internalError, .dataLoss, .unavailable, .deadlineExceeded: .warning
        default: .debug
        }
    }
}
