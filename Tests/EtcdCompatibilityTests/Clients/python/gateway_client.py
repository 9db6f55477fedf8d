#!/usr/bin/env python3
"""Everything that `etcd3gw` of PyPI offers, a client of the JSON gateway: gateway_client.py PORT. The store is empty at the
beginning. What the client has no method for goes through its `post`."""

import base64
import sys
import threading

import etcd3gw
from etcd3gw.exceptions import WatchTimedOut

from common import equal, fails, run


def b64(text):
    return base64.b64encode(text.encode()).decode()


def keys(c):
    equal(c.put("k/a", "1"), True, "put")
    value, meta = c.get("k/a", metadata=True)[0]
    equal((value, meta["key"], meta["version"]), (b"1", b"k/a", "1"), "get")
    equal(c.get("k/none"), [], "no key")
    equal((c.create("k/a", "2"), c.create("k/b", "2")), (False, True), "create")
    equal((c.replace("k/a", "wrong", "3"), c.replace("k/a", "1", "3")), (False, True), "replace")
    c.put("k/c", "1")
    names = lambda found: [meta["key"] for _, meta in found]  # noqa: E731
    equal(names(c.get_prefix("k/")), [b"k/a", b"k/b", b"k/c"], "a prefix")
    equal(names(c.get_prefix("k/", sort_order="descend", sort_target="key"))[0], b"k/c", "descending")
    equal(c.get("k/", range_end="k0", limit=2, serializable=True), [b"3", b"2"], "a limit")
    equal(len(c.get_all()), 3, "everything")
    equal(c.delete("k/a"), True, "delete")
    equal(c.delete("k/a"), False, "deleted twice")
    equal(c.delete_prefix("k/"), True, "delete by prefix")
    equal(c.get_all(), [], "nothing is left")


def transactions(c):
    c.put("t/a", "1")
    answer = c.transaction({
        "compare": [{"key": b64("t/a"), "result": "EQUAL", "target": "VALUE", "value": b64("1")},
                    {"key": b64("t/a"), "result": "GREATER", "target": "VERSION", "version": "0"}],
        "success": [{"request_put": {"key": b64("t/b"), "value": b64("2")}},
                    {"request_range": {"key": b64("t/b")}},
                    {"request_txn": {"failure": [], "success": [{"request_delete_range": {"key": b64("t/a")}}]}}],
        "failure": []})
    equal(answer["succeeded"], True, "succeeded")
    equal(answer["responses"][1]["response_range"]["kvs"][0]["value"], b64("2"), "a put within")
    equal(answer["responses"][2]["response_txn"]["responses"][0]["response_delete_range"]["deleted"], "1", "nested")


def leases(c):
    lease = c.lease(ttl=100)
    c.put("l/a", "x", lease)
    equal((lease.ttl() > 90, lease.keys()), (True, [b"l/a"]), "a lease")
    equal(lease.refresh(), 100, "refresh")
    equal(lease.revoke(), True, "revoke")
    equal(c.get("l/a"), [], "a key after its lease")


def watches(c):
    events, cancel = c.watch_prefix("w/", prev_kv=True)
    threading.Timer(0.3, lambda: [c.put("w/a", "1"), c.put("w/a", "2"), c.delete("w/a")]).start()
    found = [next(events) for _ in range(3)]
    cancel()
    equal([event.get("type") for event in found], [None, None, "DELETE"], "events")
    equal([event["kv"].get("value") for event in found], [b"1", b"2", None], "values")
    revision = int(found[0]["kv"]["mod_revision"])
    events, cancel = c.watch("w/a", start_revision=revision)
    equal(next(events)["kv"]["value"], b"1", "from the past")
    cancel()
    threading.Timer(0.3, lambda: c.put("w/once", "x")).start()
    equal(c.watch_once("w/once", timeout=10)["kv"]["value"], b"x", "once")
    fails(c.watch_once, WatchTimedOut, "w/never", timeout=1)


def locks(c):
    with c.lock("lock", ttl=20) as held:
        equal(held.is_acquired(), True, "held")
        equal(held.refresh(), 20, "refresh")
        equal(c.lock("lock", ttl=20).acquire(), False, "a second holder")
    equal(c.lock("lock").acquire(), True, "after the first")


def cluster(c):
    status = c.status()
    equal((status["version"][:2], int(status["dbSize"]) > 0, "leader" in status), ("3.", True, True), "status")
    members = c.members()
    equal((len(members), members[0]["clientURLs"][0][:4]), (1, "http"), "members")


def other_services(c):
    """Services that the client has no methods for, and errors as the gateway tells them."""
    post = lambda path, **body: c.post(c.get_url(path), json=body)  # noqa: E731
    lease = post("/lease/grant", TTL="100", ID="4711")
    equal((lease["ID"], lease["TTL"]), ("4711", "100"), "a lease")
    equal([one["ID"] for one in post("/lease/leases")["leases"]].count("4711"), 1, "leases")
    lock = post("/lock/lock", name=b64("mine"), lease="4711")
    equal(base64.b64decode(lock["key"]), b"mine/1267", "a lock")
    post("/lock/unlock", key=lock["key"])
    leader = post("/election/campaign", name=b64("vote"), lease="4711", value=b64("me"))["leader"]
    equal(post("/election/leader", name=b64("vote"))["kv"]["value"], b64("me"), "the leader")
    post("/election/proclaim", leader=leader, value=b64("again"))
    post("/election/resign", leader=leader)
    revision = int(c.get("t/b", metadata=True)[0][1]["mod_revision"])
    post("/kv/compaction", revision=str(revision), physical=True)
    post("/maintenance/alarm", action="GET")
    equal("hash" in post("/maintenance/hash"), True, "a hash")
    post("/auth/role/add", name="role")
    post("/auth/role/grant", name="role", perm={"permType": "READWRITE", "key": b64("a"), "range_end": b64("b")})
    equal(post("/auth/role/get", role="role")["perm"][0]["permType"], "READWRITE", "a permission")
    post("/auth/user/add", name="ann", password="secret")
    post("/auth/user/grant", user="ann", role="role")
    equal(post("/auth/user/get", name="ann")["roles"], ["role"], "roles")
    post("/auth/user/delete", name="ann")
    post("/auth/role/delete", role="role")
    import requests  # pylint: disable=import-outside-toplevel
    for body, status, code in (({"key": ""}, 400, 3), ({"key": b64("x"), "revision": "999999"}, 400, 11)):
        answer = requests.post(c.get_url("/kv/range"), json=body, timeout=10)
        equal((answer.status_code, answer.json()["code"]), (status, code), f"an error: {body}")
    answer = requests.post(c.get_url("/lease/revoke"), json={"ID": "12"}, timeout=10)
    equal((answer.status_code, answer.json()["message"]), (404, "etcdserver: requested lease not found"), "not found")


def pages(c):
    import requests  # pylint: disable=import-outside-toplevel
    root = c.get_url("").split("/v3")[0]
    equal(requests.get(f"{root}/health", timeout=10).json()["health"], "true", "health")
    version = requests.get(f"{root}/version", timeout=10).json()
    equal((version["etcdserver"][:2], version["etcdcluster"][:2]), ("3.", "3."), "versions")
    metrics = requests.get(f"{root}/metrics", timeout=10).text
    for name in ("etcd_server_has_leader 1", "etcd_server_is_leader 1", "etcd_debugging_mvcc_keys_total"):
        equal(name in metrics, True, f"the metric {name}")


if __name__ == "__main__":
    run([keys, transactions, leases, watches, locks, cluster, other_services, pages],
        etcd3gw.client(host="127.0.0.1", port=int(sys.argv[1]), timeout=15, api_path="/v3/"))
