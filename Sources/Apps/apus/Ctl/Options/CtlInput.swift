import Foundation

/// What a person types, or a pipe brings.
enum CtlInput {
    /// Reads a line without showing it.
    ///
    /// - Throws: `CtlFailure` when there is nobody to ask.
    static func secret(_ question: String) throws -> String {
        var old = termios()
        guard tcgetattr(STDIN_FILENO, &old) == 0 else {
            throw CtlFailure.arguments("there is no terminal to ask for the password: give it with --password")
        }
        FileHandle.standardError.write(Data(question.utf8))
        var silent = old
        silent.c_lflag &= ~tcflag_t(ECHO)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent)
        defer {
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &old)
            FileHandle.standardError.write(Data("\n".utf8))
        }
        return readLine() ?? ""
    }

    /// All of standard input.
    static func everything() throws -> Data {
        try FileHandle.standardInput.readToEnd() ?? Data()
    }
}
