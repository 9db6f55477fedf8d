import ApusGRPC
import Foundation
import NIOCore
import NIOPosix

extension GRPCError {
    /// Why there is no connection, in the words of the system and without those of the libraries below.
    var connectFailure: String {
        guard let cause else { return message }
        let first = (cause as? NIOConnectionError)?.connectionErrors.first?.error ?? cause
        if let connection = cause as? NIOConnectionError, connection.connectionErrors.isEmpty {
            return "the name \(connection.host) is not known"
        }
        switch first {
        case let error as IOError: return String(cString: strerror(error.errnoCode))
        case ChannelError.connectTimeout: return "no answer in time"
        case ChannelError.eof, ChannelError.ioOnClosedChannel, ChannelError.alreadyClosed:
            return "the connection was closed at once: does one side speak TLS, and the other not?"
        default: break
        }
        let text = "\(first)"
        if text.contains("CERTIFICATE_VERIFY_FAILED") { return "the certificate of the member is not one to trust" }
        if text.contains("CERTIFICATE_REQUIRED") { return "the member wants a certificate of the client" }
        if text.contains("WRONG_VERSION_NUMBER") { return "the member does not speak TLS" }
        if text.contains("BAD_CERTIFICATE") || text.contains("UNKNOWN_CA") {
            return "the member does not trust the certificate of the client"
        }
        if text.contains("EOF during handshake") {
            return "the connection was closed during the handshake: does the member speak TLS?"
        }
        return text
    }
}
