import ArgumentParser

/// The commands below `apus ctl`.
struct CtlRoot: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apus ctl",
        abstract: "Read, write and administer a control plane: `apus server`, or etcd.",
        discussion: """
            The commands, flags and outputs are etcdctl's, so that what is known of it holds here:

              apus ctl put greeting hello          write a key
              apus ctl get greeting                read it
              apus ctl get --prefix app/ -w json   read all keys that begin with app/
              apus ctl watch --prefix app/         see every change of them
              apus ctl endpoint status --cluster -w table
              apus ctl lock deploy -- ./deploy.sh  run a program while nobody else does

            Without --endpoints it asks 127.0.0.1:2379. Flags may also be set in the environment, as \
            APUSCTL_ENDPOINTS or ETCDCTL_ENDPOINTS.

            It ends with 0 when it worked, with 1 when a member refused or was not reached, and with 128 when the \
            arguments make no sense.
            """,
        subcommands: [
            GetCommand.self, PutCommand.self, DelCommand.self, TxnCommand.self, WatchCommand.self,
            CompactionCommand.self, LeaseCommand.self, LockCommand.self, ElectCommand.self, MemberCommand.self,
            EndpointCommand.self, MoveLeaderCommand.self, SnapshotCommand.self, AlarmCommand.self, DefragCommand.self,
            AuthCommand.self, UserCommand.self, RoleCommand.self, CheckCommand.self, VersionCommand.self,
        ])
}

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Print the version of the API that is spoken.")

    func run() {
        print("apus ctl speaks the API version: 3.5")
    }
}
