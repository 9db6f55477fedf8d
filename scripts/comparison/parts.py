"""What is compared: each part is a list of commands, and knows which servers it needs."""

import json
import re
import shutil

from comparison.cluster import CERTIFICATES, eventually
from comparison.comparison import WATCHING

ALL = ("", "json", "fields", "protobuf")
TABLE = ("", "json", "table", "fields", "protobuf")


def lead(side, port):
    """The node whose clients are at `port` leads."""
    ports = side.clients if port in side.clients else side.clients + [port]
    endpoints = ",".join(side.url(one) for one in ports)

    def it_leads():
        code, text = side.run(["--endpoints", endpoints, "endpoint", "status", "-w", "json"])
        nodes = {one["Status"]["header"]["member_id"]: one for one in json.loads(text)} if code == 0 else {}
        wanted = [member for member, one in nodes.items() if one["Endpoint"] == side.url(port)]
        leader = nodes.get(next(iter(nodes.values()))["Status"].get("leader")) if nodes else None
        if not wanted or not leader:
            return False
        if leader["Endpoint"] == side.url(port):
            return True
        side.run(["--endpoints", leader["Endpoint"], "move-leader", f"{wanted[0]:x}"])
        return False

    eventually(it_leads, "the node leads that is to")


def leader_first(c):
    """The first node leads, so that tables of all nodes can be compared, and ids are in one order on both sides."""
    def settle(side):
        lead(side, side.clients[0])
        for i, port in enumerate(side.clients):
            text = side.run(["--endpoints", side.url(port), "endpoint", "status", "-w", "json"])[1]
            member = json.loads(text)[0]["Status"]["header"]["member_id"]
            side.identifier(member)
            side.variables[f"n{i + 1}"] = f"{member:x}"
    c.both(settle)


def keys(c):
    c.same("put a 1", formats=TABLE)
    c.same("put a 2 --prev-kv", formats=ALL)
    c.same("put from-stdin", text="the value\n")
    c.same("put minus -- -1")
    c.same("put a --ignore-value")
    c.same("put none --ignore-value")
    c.same("put a 3 --ignore-value")
    c.same("put a 3 --ignore-lease")
    c.same("put none 3 --ignore-lease")
    c.same("put")
    c.same("put --lease=4242 a 1")
    c.same("put --lease=word a 1")
    for key in ("b", "b/1", "b/2", "b/20", "c", "key with spaces"):
        c.same(f"put '{key}' 'value of {key}'", always=True)
    for line in (
            "get a", "get b --prefix", "get b --prefix --keys-only", "get b --prefix --print-value-only",
            "get b --prefix --limit=2", "get b c", "get b --from-key", "get b --prefix --order=DESCEND",
            "get b --prefix --sort-by=VALUE --order=ASCEND", "get b --prefix --sort-by=MODIFY --order=DESCEND",
            "get b --prefix --sort-by=CREATE", "get b --prefix --sort-by=VERSION", "get a --rev=3", "get none",
            "get a --consistency=s", "get a --hex", "get '' --prefix --keys-only", "get '' --from-key --limit=3"):
        c.same(line, formats=ALL)
    c.same("get b --prefix --count-only", formats=("", "fields", "json"))
    for line in ("get a --rev=9999999", "get a -w table", "get a --sort-by=NONE", "get a --order=UP", "get",
                 "get a --consistency=x", "get a --prefix --from-key", "get b c --prefix", "get a -w nonsense",
                 "get a --rev=-1", "get '' --limit=-1 --prefix", "get b --sort-by=KEY --prefix"):
        c.same(line)
    c.same("get a --keepalive-time=10s --keepalive-timeout=5s --dial-timeout=3s --command-timeout=4s")
    c.same("endpoint hashkv", formats=TABLE)
    c.same("endpoint hashkv --rev=5", formats=TABLE)
    c.same("endpoint hashkv --rev=9999999")
    c.same("endpoint hashkv --cluster", ordered=False)
    c.same("del c --prev-kv", formats=TABLE)
    c.same("put c 1", always=True)
    c.same("del c --prev-kv --hex")
    c.same("del none", formats=ALL)
    c.same("del b/2 b/3 --prev-kv")
    c.same("del b --prefix")
    c.same("del z --from-key")
    c.same("del")


def transactions(c):
    c.same("put t 1", always=True)
    c.same("txn", text='value("t") = "1"\nversion("t") > "0"\n\nput u 1\nget u\ndel none\n\nget t\n\n', formats=TABLE)
    c.same("txn", text='mod("t") = "0"\n\nput u 1\n\nget t\nput v "with \\"quotes\\""\n\n', formats=ALL)
    c.same("txn", text='create("none") = "0"\n\nget t --hex\n\n\n')
    c.same("txn", text='lease("t") = "0"\n\nget t --prefix --keys-only\ndel t --prefix --prev-kv\n\n\n')
    c.same("txn", text='\n\nput x 1\nput x 2\n\n\n')
    c.same("txn", text='nonsense\n\n\n\n')
    c.same("txn", text='value("t") ! "1"\n\n\n\n')
    c.same("txn", text='mod("t") = "word"\n\n\n\n')
    c.same("txn", text='\nnonsense x\n\n\n')
    c.same("txn -i", text='value("t") = "1"\n\nput u 2\n\nget u\n\n')
    c.same("txn --interactive=true --hex", text='\nget u\n\n\n')


def compaction(c):
    c.same("compaction 9999999")
    c.same("compaction 5")
    c.same("compaction 5")
    c.same("compaction 8 --physical")
    c.same("compaction word")
    c.same("compaction")
    c.same("compaction 9 -w json")
    c.same("get a --rev=7")
    c.same("get a --rev=9")
    c.same("endpoint hashkv", formats=TABLE)


def leases(c):
    c.same("lease grant 100", keep=[("lease", r"lease (\w+) granted")])
    for form in ("json", "fields"):
        c.same(f"lease grant 100 -w {form}", keep=[(form, r'(?:"ID" : |"ID":)(\d+)')])
    c.same("lease grant 100 -w table")
    c.same("lease grant 100 -w protobuf")
    c.same("lease grant word")
    c.same("lease grant 9999999999")
    c.same("lease grant")
    c.same("put --lease={lease} leased 1")
    c.same("get leased", formats=ALL)
    c.same("put leased 2 --ignore-lease")
    c.same("lease timetolive {lease}", formats=TABLE)
    c.same("lease timetolive {lease} --keys", formats=ALL)
    c.same("lease timetolive 1234")
    c.same("lease timetolive word")
    c.same("lease list", hide=(r"id\d+",), formats=TABLE)
    c.same("lease keep-alive --once {lease}", formats=TABLE)
    c.same("lease keep-alive --once 1234", formats=ALL)
    c.background("lease keep-alive {lease}", [], 1)
    c.background("lease keep-alive {lease}", [1, "lease revoke {lease}"], 0, formats=("json",))
    c.same("lease revoke {lease}")
    c.same("get leased")
    c.same("lease revoke 1234 -w json")
    c.same("lease grant 100", keep=[("lease", r"lease (\w+) granted")])
    c.same("lease revoke {lease} -w fields")
    c.same("lease revoke")
    # It lives for two seconds or so: no list of leases comes after it.
    c.same("lease grant 0")


def endpoints(c):
    c.same("endpoint health", formats=TABLE, ordered=False)
    c.same("endpoint health --cluster", ordered=False)
    c.same("endpoint status", formats=TABLE)
    c.same("endpoint status --cluster", ordered=False)
    for command in ("endpoint health", "endpoint status", "endpoint hashkv", "get a", "member list"):
        c.same(f"--endpoints 127.0.0.1:1 --dial-timeout=1s --command-timeout=1s {command}")
    c.same("--endpoints {endpoint},127.0.0.1:1 --dial-timeout=1s --command-timeout=1s endpoint health", ordered=False)
    c.same("version")
    c.same("version -w json")
    c.same("nosuch")
    c.same("alarm list", formats=TABLE)
    c.same("alarm disarm", formats=TABLE)
    c.same("defrag")
    c.same("defrag --cluster", ordered=False)
    c.same("check datascale --load=nonsense")
    c.same("put data/1 1")
    c.same("check datascale --prefix=data/")
    if c.slow or c.count == 1:
        c.same("check datascale --load=s --prefix=scale/ --auto-compact --auto-defrag",
               hide=(r"PASS: Approximate system memory used : .*", r"(?:\n ?\d+ / \d+ .*)+"))


def members(c):
    c.same("member list", formats=TABLE, ordered=False)
    c.same("member list --hex -w fields", ordered=False)
    c.same("member list --hex -w json", ordered=False)
    # Servers want to have seen the others for some seconds before they count on them.
    c.same("member add late --learner --peer-urls={latePeer}", until="unhealthy cluster",
           keep=[("learner", r"Member\s+(\w+) added")])
    c.same("member add again --learner --peer-urls=http://127.0.0.1:2")
    # Within a second it would even be the same ID.
    c.same("member add again --peer-urls={latePeer}", hide=("member ID already exist|Peer URLs already exists",))
    c.same("member list", formats=TABLE, ordered=False)
    c.same("member promote {learner}")
    c.same("member promote 1234")
    c.same("member promote word")
    # Before 3.5.31 etcd forgets that who gets another address is a learner (etcd-io/etcd, pull request 21737); ours does not.
    c.same("member update {learner} --peer-urls=http://127.0.0.1:3", formats=("", "json"), ordered=False,
           drop=(r',?"isLearner":true',))
    c.same("member update 1234 --peer-urls=http://127.0.0.1:3")
    c.same("member update {learner}")
    c.same("member update word --peer-urls=http://127.0.0.1:3")
    c.same("member remove {learner}", ordered=False)
    c.same("member remove {learner}")
    c.same("member remove word")
    c.same("member remove")
    c.same("member add")
    c.same("member add late --peer-urls=")
    c.same("member add late --peer-urls=nonsense")
    c.same("--endpoints {endpoint} move-leader 1234")
    c.same("--endpoints {endpoint} move-leader word")
    c.same("--endpoints {endpoint} move-leader {n1}")
    if c.count > 1:
        c.same("move-leader {n2}")
        c.same("--endpoints {endpoint} move-leader {n2}")
        c.same("member list", ordered=False)
        c.same("--endpoints {endpoint} move-leader {n3}")
        leader_first(c)


def joining(c):
    """Members that come, are asked, and go."""
    if c.only:
        return

    def join(side):
        side.serve("late", side.variables["late"], side.variables["latePeer"],
                   ["--initial-cluster", side.variables["initial"], "--initial-cluster-state", "existing"])
        eventually(lambda: not side.run(late + ["endpoint", "status"])[0], "the new member answers")

    late = ["--endpoints", "{late}"]
    hashes = ["endpoint", "hashkv", "--cluster"]
    kept = [("joined", r"Member\s+(\w+) added"), ("initial", r'ETCD_INITIAL_CLUSTER="([^"]*)"')]
    for learner in ("", " --learner"):
        c.same(f"member add late --peer-urls={{latePeer}}{learner}", until="unhealthy cluster", keep=kept)
        c.both(join)
        c.same("member list", formats=TABLE, ordered=False, until="unstarted")
        if learner:
            c.same("--endpoints {late} endpoint status")
            c.same("--endpoints {late} get a")
            c.same("--endpoints {late} put joined 1")
            c.same("--endpoints {late} get a --consistency=s --keys-only")
            c.same("--endpoints {late} member list", ordered=False)
            c.same("--endpoints {endpoint} move-leader {joined}")
            c.same("member promote {joined}", until="in sync")
            c.same("member promote {joined}")
            c.same("member list", ordered=False)
        c.same("--endpoints {late} endpoint health", until="unhealthy")
        c.same("--endpoints {late} get a --keys-only", until="Error")
        c.same("--endpoints {late} put joined 1 --command-timeout=20s")
        c.same("--endpoints {late} get joined")
        # Who leads now is chance.
        c.same("--endpoints {late} endpoint status", until="Error", hide=(r"(?:true|false), ",))
        # Keys have the numbers of leases, so that only the members of one side can have the same hash.
        c.compare(hashes, lambda side: (0, len(set(re.findall(r", (\d+)", side.run(hashes)[1])))))
        if not learner:
            # Who leads may be told to go, too.
            c.both(lambda side: lead(side, int(side.variables["late"].split(":")[-1])))
        c.same("member remove {joined}", until="unhealthy cluster")
        leader_first(c)
        c.same("member list", ordered=False)
        c.both(lambda side: side.end("late"))
        c.both(lambda side: shutil.rmtree(f"{side.folder}/late", ignore_errors=True))


def watches(c):
    c.same("put past 1 -w fields", keep=[("past", r'"Revision" : (\d+)')])
    c.same("compaction {past}", always=True)
    c.same("watch a --rev=1")
    changes = [WATCHING, "put w/1 one", "put w/1 two", "del w/1", "put w/2 x"]
    c.background("watch w/ --prefix", changes, 11)
    c.background("watch w/ --prefix --prev-kv", changes, 15)
    c.background("watch w/ --prefix --hex", changes, 11)
    c.background("watch w/ --prefix", changes, 4, formats=("json",))
    c.background("watch w/ --prefix", [WATCHING, "put w/1 one"], 11, formats=("fields",))
    c.background("watch w/1 w/3", changes, 11)
    c.background("watch w/1 -- echo the event", [WATCHING, "put w/1 one"], 4)
    c.background("watch w/1 -- sh -c 'echo $ETCD_WATCH_EVENT_TYPE $ETCD_WATCH_KEY $ETCD_WATCH_VALUE'",
                 [WATCHING, "put w/1 one", "del w/1"], 8)
    c.background("watch past --rev={past}", [], 3)
    c.same("watch")
    c.same("watch a --rev=1 -w table")
    c.background("watch -i", [WATCHING, "put w/1 one", 3, "put w/9 nine"], 6,
                 text="watch w/1\nwatch w/9\nprogress\n")
    c.same("watch -i", text="nonsense\n")


def concurrency(c):
    c.background("lock mutex", [1, "get mutex --prefix --keys-only"], 1)
    c.same("get mutex --prefix")
    c.background("lock mutex", [1], 1, formats=("json",), hide=(r'"key":"[^"]*"',))
    c.same("lock mutex echo it runs")
    c.same("lock mutex --ttl=5 -- sh -c 'exit 3'")
    c.same("lock")
    c.background("elect vote me", [2], 2)
    c.same("get vote --prefix")
    c.background("elect vote me", [1], 1, formats=("json",), hide=(r'"key":"[^"]*"',))
    c.background("elect --listen vote", [WATCHING, "put vote/1 someone"], 2)
    c.background("elect -l vote", [2, "put vote/1 other"], 4)
    c.same("del vote --prefix")
    c.same("elect")
    c.same("elect vote")


def mirror(c):
    for index in range(3):
        c.same(f"put from/{index} {index}", always=True)

    def has(key, *words):
        wanted = ["get", key, "--print-value-only", *words]
        return lambda side: eventually(lambda: "new" in side.run(wanted)[1], f"{key} is mirrored")

    copying = [WATCHING, "del from/1", "put from/9 new"]
    c.background("make-mirror --prefix=from/ --dest-prefix=to/ {endpoint}", copying + [has("to/9")], 0)
    c.same("get to/ --prefix")
    c.background("make-mirror --prefix=from/ --no-dest-prefix {endpoint}", copying + [has("9")], 0)
    c.same("get 0 : ")
    c.same("make-mirror")


def authentication(c):
    c.same("role add reader", formats=("", "json"))
    c.same("role add root")
    c.same("role add fields -w fields")
    c.same("role add proto -w protobuf")
    c.same("role add table -w table")
    c.same("role add")
    c.same("role list", formats=TABLE)
    c.same("role grant-permission reader read r/ --prefix", formats=("", "json", "protobuf"))
    c.same("role grant-permission reader readwrite r/mine")
    c.same("role grant-permission reader readwrite x1 x5")
    c.same("role grant-permission reader write from --from-key")
    c.same("role grant-permission reader nothing x")
    c.same("role grant-permission nobody read x")
    c.same("role grant-permission reader read x y --prefix")
    c.same("role grant-permission reader")
    c.same("role get reader", formats=TABLE)
    c.same("role get nobody")
    c.same("role get")
    c.same("role revoke-permission reader from --from-key")
    c.same("role revoke-permission reader r/ --prefix -w json")
    c.same("role grant-permission reader read r/ --prefix -w fields")
    c.same("role revoke-permission reader x1 x5")
    c.same("role revoke-permission reader nothing")
    c.same("role revoke-permission nobody x")
    c.same("user add root:secret")
    c.same("user add root:secret")
    c.same("user add ann --interactive=false", text="pass\n")
    c.same("user add ann:again -w json")
    c.same("user add bob --new-user-password=bob -w json")
    c.same("user add asked", text="pass\n")
    c.same("user add certificate --no-password")
    c.same("user add :x")
    c.same("user add")
    c.same("user list", formats=TABLE)
    c.same("user grant-role ann reader", formats=TABLE)
    c.same("user grant-role root root")
    c.same("user grant-role ann nobody")
    c.same("user grant-role nobody reader")
    c.same("user get ann", formats=TABLE)
    c.same("user get ann --detail")
    c.same("user get ann --detail -w json")
    c.same("user get nobody")
    c.same("user passwd nobody --interactive=false", text="other\n")
    c.same("auth enable", always=True)
    c.same("auth enable")
    c.same("put r/a 1")
    c.same("--user root:wrong get r/a")
    c.same("--user nobody:wrong get r/a")
    c.same("--user certificate:x get r/a")
    c.same("--user root get r/a", text="secret\n")
    c.same("--user root:secret put r/a 1")
    c.same("--user ann:pass get r/ --prefix", formats=ALL)
    c.same("--user ann:pass get s")
    c.same("--user ann:pass put r/a 2")
    c.same("--user ann:pass put r/mine 2")
    c.same("--user ann:pass del r/mine --prev-kv")
    c.same("--user ann:pass txn", text='value("s") = "1"\n\nget r/a\n\n\n')
    c.same("--user ann:pass txn", text='\nget r/a\nput r/mine 3\n\n\n')
    c.same("--user ann:pass watch s")
    c.same("--user ann:pass user list")
    c.same("--user ann:pass user get ann")
    c.same("--user ann:pass user get root")
    c.same("--user ann:pass role get reader")
    c.same("--user ann:pass role list")
    c.same("--user ann:pass compaction 1")
    c.same("--user ann:pass auth disable")
    c.same("--user ann:pass member list -w json", ordered=False)
    c.same("--user ann:pass member remove 1234")
    c.same("--user ann:pass endpoint status", ordered=False)
    c.same("--user ann:pass endpoint health", ordered=False)
    c.same("--user ann:pass endpoint hashkv")
    c.same("--user ann:pass alarm list")
    c.same("--user ann:pass defrag")
    c.same("--user ann:pass snapshot save {folder}/denied.db --endpoints {endpoint}")
    # Etcd asks for permission since 3.5.28 (CVE-2026-33413), and so does ours.
    c.same("--user ann:pass --endpoints {endpoint} move-leader 1234", hide=(r"bad leader transferee|permission denied",))
    c.same("--user ann:pass lease list", hide=(r"(?s)found \d+ leases.*",))
    c.same("--user ann:pass lease grant 100")
    c.same("--user root:secret defrag")
    # Locks and elections have left keys with the numbers of leases.
    c.same("--user root:secret endpoint hashkv", hide=(r", \d+",))
    c.same("--user root --password secret user passwd ann --interactive=false", text="other\n", formats=("", "json"))
    c.same("--user ann:pass get r/a")
    c.same("--user ann:other get r/a --print-value-only")
    c.same("--user root:secret user revoke-role ann reader")
    c.same("--user root:secret user revoke-role ann reader")
    c.same("--user root:secret user revoke-role root root")
    c.same("--user root:secret user delete root")
    c.same("--user root:secret user delete certificate", formats=("json",))
    c.same("--user root:secret role delete reader")
    c.same("--user root:secret role delete reader")
    c.same("--user root:secret role delete table -w fields")
    c.same("--user root:secret auth disable", always=True)
    c.same("user delete root", always=True)
    c.same("user delete ann", always=True)
    c.same("role delete root", always=True)
    c.same("auth disable")


def snapshots(c):
    one = "--endpoints {endpoint} "
    c.same("lease grant 5000", keep=[("kept", r"lease (\w+) granted")])
    c.same(one + "snapshot save {folder}/snapshot.db", always=True)
    # A hash of the file, and how etcd counts its keys, are the file's own.
    c.same("snapshot status {folder}/snapshot.db", hide=(r"^\w+, \d+, \d+, SIZE",))
    c.same("snapshot status {folder}/snapshot.db -w json", hide=(r'"hash":\d+', r'"totalKey":\d+'))
    c.same("snapshot status {folder}/snapshot.db -w table", hide=(r"\|(?: \w+ \|){3}",))
    c.same("snapshot status {folder}/snapshot.db -w fields", hide=(r'"(?:Hash|Keys)" : \d+',))
    peer = ("--name=r --initial-cluster=r={latePeer} --initial-advertise-peer-urls={latePeer}"
            " --initial-cluster-token=restored")
    # It is etcdctl's own log, with times.
    log = (r"(?m)^[\d-]+T.*\n?",)
    c.same("snapshot restore {folder}/snapshot.db --data-dir={folder}/r " + peer, hide=log, always=True)
    c.same("snapshot restore {folder}/snapshot.db --data-dir={folder}/r " + peer, hide=log)
    c.same("defrag --data-dir={folder}/r", hide=log)

    # It is a data folder of etcd, whoever wrote the snapshot.
    def restored(side):
        late, peer = side.variables["late"], side.variables["latePeer"]
        side.serve("r", late, peer, ["--initial-cluster", f"r={peer}"], side.etcd)
        eventually(lambda: not side.run(["--endpoints", late, "endpoint", "health"])[0], "what was restored answers")

    if not c.only:
        c.both(restored)
        for line in ("get '' --from-key", "lease timetolive {kept}", "user list", "role list", "member list"):
            c.same("--endpoints {late} " + line, hide=(r"remaining\(\d+s\)",))
        c.same(one + "endpoint hashkv", keep=[("hash", r", (\d+)")], hide=(r", \d+",))
        hash_of_restored = ["--endpoints", "{late}", "endpoint", "hashkv"]
        c.compare(hash_of_restored, lambda side: (0, side.run(hash_of_restored)[1].replace(
            side.variables["hash"], "that of the first node").split(", ")[-1]))
        c.both(lambda side: side.end("r"))
    c.same("snapshot restore {folder}/snapshot.db --skip-hash-check --data-dir={folder}/w --wal-dir={folder}/w/wal",
           hide=log)
    c.same("snapshot restore {folder}/none.db", hide=log)
    c.same("snapshot restore", hide=log)
    c.same("snapshot status {folder}/none.db")
    c.same("snapshot status")
    c.same("snapshot save")
    c.same(one + "snapshot save {folder}/none/none.db")
    if c.count > 1:
        c.same("--endpoints {endpoint},{late} snapshot save {folder}/none.db")


def alarms(c):
    """Until there is no room, which each server finds after puts of its own number; so revisions are not compared."""
    if c.only:
        return
    hidden = (r'"?[Rr]evision"?(?: : |:| )\d+,?', r"(?m)^\d+$")
    # Which members notice it is chance.
    once = (r"(?:memberID:\S+ ?alarm:NOSPACE ?[,\s]*)+",)
    value = "v" * 400_000

    def fill(side):
        for index in range(100):
            code, text = side.run(["put", f"big/{index}"], value)
            # A machine that is busy with much else may take its time over these.
            if code and "deadline" not in text:
                return code, side.normal(text)
        return 0, "there is room without an end"

    c.compare(["put", "until", "there", "is", "no", "room"], fill)
    c.same("alarm list", hide=once)
    if c.count == 1:
        c.same("alarm list", formats=("json", "fields", "protobuf"), hide=hidden + (r"1\.3: .*",))
        c.same("endpoint status", formats=("", "table"))
    c.same("endpoint health", ordered=False)
    for line in ("put a 1", "put big/0 x", "get a", "lease grant 100", "del big/0"):
        c.same(line, hide=hidden)
    # A transaction that does not grow is refused when the file has, which is chance.
    c.same("txn", text="\nput a 1\n\n\n")
    c.same("del big/ --prefix", hide=hidden)
    c.same("get none -w fields", keep=[("revision", r'"Revision" : (\d+)')], hide=hidden)
    c.same("compaction {revision} --physical", hide=hidden)
    c.same("defrag")
    c.same("put a 1")
    c.same("alarm disarm", hide=once)
    c.same("alarm list")
    c.same("put a 1")
    c.same("endpoint health", ordered=False)


def performance(c):
    c.same("check perf --load=nonsense")
    c.same("put perf/1 1")
    c.same("check perf --prefix=perf/")
    words = ["check", "perf", "--load=s", "--auto-compact", "--auto-defrag"]

    def measure(side):
        # What is measured is each server's own, and whether it is enough depends on who else uses the machine.
        code, text = side.run(words)
        kept = re.findall(r"(?:Compact|Defragment)(?:ing|ed) .*", side.normal(text.replace("\r", "\n")))
        return code in (0, 1), re.sub(r"revision \d+", "revision N", "\n".join(kept))

    if c.slow or c.count == 1:
        c.compare(words, measure)
    c.same("get /etcdctl-check-perf/ --prefix --keys-only")


def security(c):
    """Over TLS, with a certificate that says who calls."""
    c.same("put a 1")
    c.same("endpoint health")
    c.same("endpoint status --cluster")
    c.same("--cacert={folder}/ca.pem get a")
    c.same("--insecure-skip-tls-verify get a --cert={folder}/client.pem --key={folder}/client.key --cacert=")
    c.same("--cacert={folder}/none.pem get a")
    c.same("--insecure-transport=false get a")
    c.same("--cacert={folder}/server.pem get a --dial-timeout=1s --command-timeout=1s")
    c.same("--cacert= --insecure-transport get a --dial-timeout=1s --command-timeout=1s")
    own = " ".join(word.replace("--", "--dest-") for word in CERTIFICATES)
    c.background(
        "make-mirror --prefix=a --dest-prefix=b " + own + " --dest-insecure-transport=false {endpoint}",
        [WATCHING, "put a new", lambda side: eventually(lambda: "new" in side.run(["get", "b"])[1], "b is mirrored")], 0)
    c.same("get b")
    c.same("role add reader")
    c.same("role grant-permission reader read a")
    c.same("user add client --no-password")
    c.same("user grant-role client reader")
    c.same("user add root:secret")
    c.same("user grant-role root root")
    c.same("auth enable", always=True)
    c.same("get a")
    c.same("get b")
    c.same("put a 2")
    c.same("user list")
    c.same("--user root:secret user list")
    c.same("--user root:secret auth disable", always=True)


MAIN = (keys, transactions, compaction, leases, endpoints, members, joining, watches, concurrency, mirror, authentication,
        snapshots)
# Those that need servers of their own: with flags, and for so many nodes.
OWN = (
    ((alarms,), ("--quota-backend-bytes", str(16 << 20)), False, None),
    ((performance,), (), False, None),
    ((security,), (), True, 1),
)
NAMES = [part.__name__ for part in MAIN + tuple(part for own in OWN for part in own[0])]
