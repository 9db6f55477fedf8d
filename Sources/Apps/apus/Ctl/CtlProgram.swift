import ApusGRPC
import ArgumentParser
import Foundation

/// Why a command ends, as etcdctl's exit codes say it.
struct CtlFailure: Error {
    enum Status: Int32 {
        case error = 1
        case badConnection = 2
        case invalidInput = 3
        case badFeature = 4
        case interrupted = 5
        case badArguments = 128
    }

    var status: Int32
    /// Empty when everything was said already.
    var message: String

    init(_ status: Status, _ message: String) {
        self.status = status.rawValue
        self.message = message
    }

    /// As a program that was run ended.
    init(exitStatus: Int32) {
        status = exitStatus
        message = "exit status \(exitStatus)"
    }

    static func arguments(_ message: String) -> CtlFailure { CtlFailure(.badArguments, message) }
}

/// From words to an exit status.
enum CtlProgram {
    static func run(_ arguments: [String]) async -> Int32 {
        do {
            var command = try CtlRoot.parseAsRoot(CtlArguments.normalized(arguments))
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            return 0
        } catch let failure as CtlFailure {
            if !failure.message.isEmpty { complain(failure.message) }
            return failure.status
        } catch let error as GRPCError {
            complain(error.explained)
            return CtlFailure.Status.error.rawValue
        } catch {
            let code = CtlRoot.exitCode(for: error)
            guard code != .success else {
                print(CtlRoot.fullMessage(for: error))
                return 0
            }
            let message = CtlRoot.message(for: error)
            complain("\(message)\nRun 'apus ctl \(path(arguments))--help' for usage.")
            let isUnknown = message.hasPrefix("Unknown option") || message.hasPrefix("Unexpected argument")
            return isUnknown ? CtlFailure.Status.error.rawValue : CtlFailure.Status.badArguments.rawValue
        }
    }

    /// The command that was meant, for whoever should read its help.
    private static func path(_ arguments: [String]) -> String {
        var (path, commands) = ("", CtlRoot.configuration.subcommands)
        for word in CtlArguments.normalized(arguments) {
            guard let next = commands.first(where: { $0.configuration.commandName == word }) else { break }
            path += word + " "
            commands = next.configuration.subcommands
        }
        return path
    }

    private static func complain(_ message: String) {
        FileHandle.standardError.write(Data("Error: \(message)\n".utf8))
    }
}

extension GRPCError {
    /// One line for a person: a member's own words, and what kept a call from reaching one.
    var explained: String {
        switch reach {
        case .answered: return message.isEmpty ? code.name : message
        case .notSent where code == .invalidArgument: return cause.map { "\(message): \($0)" } ?? message
        default:
            let reason = cause.map { " (\($0))" } ?? ""
            return code == .deadlineExceeded ? "no answer in time: the command timed out\(reason)" : message + reason
        }
    }
}
