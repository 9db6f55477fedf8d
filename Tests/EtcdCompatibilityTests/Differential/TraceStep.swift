import ApusEtcdAPI
import Foundation
import SwiftProtobuf

/// One step of a trace. Users are those of `TraceGenerator.users`; nil asks without a token.
enum TraceStep: CustomStringConvertible {
    case call(UnaryCall, user: String?)
    /// A lock or a campaign, which waits while another lease holds the name: it is made only when none does.
    case claim(UnaryCall, user: String?, name: Data, lease: Int64)
    case openStream(Int, user: String?)
    case watch(stream: Int, EtcdWatchRequest)
    /// Waits until all watches have what they must have, and compares it.
    case settle

    var description: String {
        switch self {
        case .call(let call, let user), .claim(let call, let user, _, _):
            "\(user.map { "as \($0): " } ?? "")\(call)"
        case .openStream(let index, let user): "open watch stream \(index)\(user.map { " as \($0)" } ?? "")"
        case .watch(let stream, let request): "on watch stream \(stream):\n\(request.textFormatString())"
        case .settle: "settle the watches"
        }
    }
}

/// What a generator knows of the reference while it makes the next step.
struct TraceView {
    var revision: Int64 = 1
    var compacted: Int64 = 0
    var isAuthEnabled = false
    /// By stream: the ids of watches that are there.
    var watches: [[Int64]] = []
}
