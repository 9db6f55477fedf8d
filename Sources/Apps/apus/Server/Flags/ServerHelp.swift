/// What `apus server --help` prints.
enum ServerHelp {
    /// The API that is spoken, as etcd's own `--version` says it.
    static let version = "apus server, API of etcd 3.5.1"

    static let text = introduction + flags() + more

    private static let introduction = """
        Usage: apus server [flags]

        Starts a node of the control plane: it speaks the etcd v3 API, gRPC and JSON on one port, so that etcdctl and
        every etcd client work on it. The flags are etcd's.

        One node, to try it:
          apus server --data-dir /tmp/apus
          etcdctl put greeting hello

        Three nodes; the same --initial-cluster on each, and the addresses of its own:
          apus server --name a --listen-peer-urls http://10.0.0.1:2380 --initial-advertise-peer-urls http://10.0.0.1:2380 \\
            --listen-client-urls http://10.0.0.1:2379 --advertise-client-urls http://10.0.0.1:2379 \\
            --initial-cluster a=http://10.0.0.1:2380,b=http://10.0.0.2:2380,c=http://10.0.0.3:2380

        A fourth that joins them: first `etcdctl member add d --peer-urls http://10.0.0.4:2380`, then start it with
        --initial-cluster-state existing and all four in --initial-cluster.

        Flags are read as `--flag value`, `--flag=value` or with one dash. Each can be given by environment too: ETCD_NAME for
        --name, ETCD_LISTEN_CLIENT_URLS for --listen-client-urls; a flag wins. Or all of them by a file:
          --config-file /etc/etcd/etcd.conf.yml
              YAML with the names of the flags as keys, as etcd's; then flags and environment have no effect.

        SIGTERM and SIGINT stop the node gracefully. It ends with 0 after a signal, 1 when it cannot start or go on, and 64 for
        a wrong flag; one line on standard error says which. When it listens, it prints `client URL` on standard output.

        """

    private static let more = """

        http://…/health, /livez, /readyz, /metrics and /version are on the client port; docs/control-plane.md tells more.

        """

    private static func flags() -> String {
        var text = ""
        for section in ServerFlag.Section.allCases {
            text += "\n\(section.rawValue):\n"
            for flag in ServerFlag.all where flag.section == section {
                if section == .ignored {
                    text += "  --\(flag.name): \(flag.help)\n"
                } else {
                    text += "  --\(flag.name)\(standard(flag))\n" + wrapped(explained(flag))
                }
            }
        }
        return text
    }

    private static func standard(_ flag: ServerFlag) -> String { flag.standard.isEmpty ? "" : " '\(flag.standard)'" }

    private static func explained(_ flag: ServerFlag) -> String {
        switch flag.effect {
        case .used: flag.help
        case .none(let why): "\(flag.help) No effect: \(why)."
        case .refused(let why): "\(flag.help) Not offered: \(why)."
        }
    }

    private static func wrapped(_ text: String) -> String {
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            if !line.isEmpty, line.count + word.count + 1 > 112 {
                lines.append(line)
                line = ""
            }
            line += (line.isEmpty ? "" : " ") + word
        }
        lines.append(line)
        return lines.map { "      \($0)\n" }.joined()
    }
}
