#!/usr/bin/env python3
"""Everything that `etcd3` of PyPI offers, a client over gRPC: grpc_client.py PORT. The store is empty at the beginning."""

import io
import os
import sys
import threading

# Its messages were generated for an older protobuf, which only the implementation in Python still reads.
os.environ["PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"] = "python"

import etcd3  # noqa: E402

from common import equal, fails, run  # noqa: E402


def keys(c):
    c.put("k/a", "1")
    value, meta = c.get("k/a")
    equal((value, meta.key, meta.version, meta.lease_id), (b"1", b"k/a", 1, 0))
    equal(c.put("k/a", "2", prev_kv=True).prev_kv.value, b"1", "the value before")
    equal(c.get("k/none"), (None, None), "no key")
    equal(c.get("k/a", serializable=True)[0], b"2", "serializable")
    equal(c.put_if_not_exists("k/a", "3"), False, "put where something is")
    equal(c.put_if_not_exists("k/b", "3"), True, "put where nothing is")
    equal(c.replace("k/a", "wrong", "3"), False, "replace what is not")
    equal(c.replace("k/a", "2", "3"), True, "replace")
    equal(c.delete("k/a", prev_kv=True, return_response=True).prev_kvs[0].value, b"3", "the deleted value")
    equal(c.delete("k/a"), False, "deleted twice")
    equal(c.delete_prefix("k/").deleted, 1, "deleted by prefix")


def ranges(c):
    for _, meta in list(c.get_all()):
        c.delete(meta.key)
    for index, name in enumerate("cabd"):
        c.put(f"r/{name}", str(9 - index))
    names = lambda found: "".join(meta.key.decode()[-1] for _, meta in found)  # noqa: E731
    equal(names(c.get_prefix("r/")), "abcd", "a prefix")
    equal(names(c.get_prefix("r/", sort_order="descend", sort_target="key")), "dcba", "descending")
    equal(names(c.get_prefix("r/", sort_order="ascend", sort_target="value")), "dbac", "by value")
    equal(names(c.get_prefix("r/", sort_order="ascend", sort_target="create")), "cabd", "by creation")
    equal(names(c.get_prefix("r/", sort_order="descend", sort_target="mod")), "dbac", "by change")
    equal(names(c.get_range("r/b", "r/d")), "bc", "a range")
    equal([value for value, _ in c.get_prefix("r/", keys_only=True)], [b""] * 4, "keys only")
    equal(names(c.get_all()), "abcd", "everything")
    response = c.get_prefix_response("r/")
    equal((response.count, response.more), (4, False), "a response")


def transactions(c):
    c.put("t/a", "1")
    t = c.transactions
    ok, answers = c.transaction(
        compare=[t.value("t/a") == "1", t.version("t/a") > 0, t.create("t/a") != 0, t.mod("t/a") > 0],
        success=[t.put("t/b", "2"), t.get("t/a"), t.delete("t/a")], failure=[t.get("t/none")])
    equal((ok, answers[1][0][0]), (True, b"1"), "success")
    ok, answers = c.transaction(
        compare=[t.version("t/a") > 0], success=[],
        failure=[t.txn(compare=[t.value("t/b") == "2"], success=[t.put("t/c", "3")], failure=[])])
    equal((ok, c.get("t/c")[0]), (False, b"3"), "a nested transaction in the failure")


def leases(c):
    lease = c.lease(100)
    c.put("l/a", "x", lease=lease)
    equal((lease.granted_ttl, lease.remaining_ttl > 90, lease.keys), (100, True, [b"l/a"]), "a lease")
    equal(list(lease.refresh())[0].TTL, 100, "refresh")
    equal(c.get_lease_info(lease.id).grantedTTL, 100, "information")
    lease.revoke()
    equal(c.get("l/a")[0], None, "a key after its lease")
    own = c.lease(100, lease_id=4711)
    equal(own.id, 4711, "an id of one's own")
    fails(c.lease, etcd3.exceptions.PreconditionFailedError, 100, lease_id=4711)
    c.revoke_lease(4711)


def watches(c):
    events, cancel = c.watch_prefix("w/", prev_kv=True)
    threading.Thread(target=lambda: [c.put("w/a", "1"), c.put("w/a", "2"), c.delete("w/a")]).start()
    found = [next(events) for _ in range(3)]
    cancel()
    equal([type(event).__name__ for event in found], ["PutEvent", "PutEvent", "DeleteEvent"], "events")
    equal([event.prev_value for event in found], [b"", b"1", b"2"], "values before")
    revision = found[0].mod_revision
    events, cancel = c.watch("w/a", start_revision=revision)
    equal(next(events).value, b"1", "from the past")
    cancel()
    seen, done = [], threading.Event()

    def callback(response):
        seen.extend(response.events)
        done.set()

    watch_id = c.add_watch_callback("w/b", callback)
    c.put("w/b", "x")
    equal(done.wait(10), True, "a callback")
    c.cancel_watch(watch_id)
    threading.Timer(0.2, lambda: c.put("w/once", "x")).start()
    equal(c.watch_once("w/once", timeout=10).value, b"x", "once")
    fails(c.watch_once, etcd3.exceptions.WatchTimedOut, "w/never", timeout=1)
    c.compact(revision + 1)
    events, cancel = c.watch("w/a", start_revision=revision)
    fails(next, etcd3.exceptions.RevisionCompactedError, events)


def locks(c):
    with c.lock("lock", ttl=20) as held:
        equal(held.is_acquired(), True, "held")
        held.refresh()
    # A second holder would have to wait, which this client cannot do with today's tenacity.
    equal(c.lock("lock").acquire(timeout=5), True, "after the first")


def maintenance(c):
    status = c.status()
    equal((status.version.startswith("3."), status.db_size > 0, status.leader is not None), (True, True, True), "status")
    equal(isinstance(c.hash(), int), True, "a hash")
    equal(list(c.list_alarms()), [], "alarms")
    equal(len(c.create_alarm()), 1, "an alarm")
    fails(c.put, Exception, "alarm", "x")
    c.disarm_alarm()
    c.put("alarm", "x")
    c.defragment()
    snapshot = io.BytesIO()
    c.snapshot(snapshot)
    equal(len(snapshot.getvalue()) > 100, True, "a snapshot")


def members(c):
    found = list(c.members)
    equal(len(found), 1, "members")
    peer_urls = list(found[0].peer_urls)
    found[0].update(peer_urls)
    equal([url.startswith("http") for url in found[0].client_urls], [True], "client URLs")


def main():
    client = etcd3.client(port=int(sys.argv[1]), timeout=10)
    run([keys, ranges, transactions, leases, watches, locks, maintenance, members], client)


if __name__ == "__main__":
    main()
