import ApusCoordination
public import ApusRPC
import ApusResilience
import Foundation
import HTTPTypes
public import Hummingbird
import NIOCore

extension Problem {
    /// The answer that carries this problem.
    public var response: Response {
        var fields: HTTPFields = [.contentType: Self.contentType]
        for (name, value) in headers {
            if let name = HTTPField.Name(name) { fields[name] = value }
        }
        return Response(
            status: HTTPResponse.Status(code: status), headers: fields,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: encoded())))
    }

    /// What the caller is told of an error that a handler threw; nil for one that is nobody's business but the log's.
    init?(thrown error: any Error) {
        switch error {
        case let problem as Problem: self = problem
        case let error as ResilienceError: self.init(error)
        case let error as DecodingError: self.init(error)
        case is NIOTooManyBytesError: self = Problem(status: 413, detail: "The body is too long.")
        case let error as HTTPError:
            self.init(status: error.status.code, detail: error.body)
            for field in error.headers { headers[field.name.canonicalName] = field.value }
        case let error as any HTTPResponseError: self.init(status: error.status.code)
        case let error as CoordinationError where error.code == .unavailable || error.code == .timeout:
            self = .unavailable("The coordination store is away.", policy: "coordination", retryAfter: .seconds(1))
        default: return nil
        }
    }

    /// The answer to a request that the host's own policy did not let in; nil for another error. It was not begun, so it
    /// may be sent elsewhere whatever its method.
    init?(refusal error: ResilienceError, of policy: ResiliencePolicy) {
        guard error.cause == nil, error.policy.hasPrefix(policy.name + " ") else { return nil }
        switch error.code {
        case .rateLimited:
            self = .tooManyRequests("\(error.message).", retryAfter: error.retryAfter ?? .seconds(1))
            extensions["policy"] = "rate-limit"
        case .overloaded:
            self = .unavailable(
                "\(error.message).", policy: "concurrency-limit", retryAfter: error.retryAfter ?? .seconds(1))
        case .bulkheadFull:
            self = .unavailable("\(error.message).", policy: "bulkhead", retryAfter: error.retryAfter ?? .seconds(1))
        default: return nil
        }
        headers[ServiceResponse.unprocessedHeader] = "1"
    }

    private init(_ error: ResilienceError) {
        if error.code == .deadlineExceeded {
            self = .timeout("The deadline passed before the answer was there.")
        } else {
            self = .unavailable(
                "A call to another service was given up (\(error.code.rawValue)).", policy: error.policy,
                retryAfter: error.retryAfter ?? .seconds(1))
        }
    }
}
