package main

import (
	"strings"

	"go.etcd.io/etcd/clientv3"
	"go.etcd.io/etcd/clientv3/clientv3util"
	"go.etcd.io/etcd/etcdserver/api/v3rpc/rpctypes"
)

func keysOf(r *clientv3.GetResponse) string {
	var names []string
	for _, kv := range r.Kvs {
		names = append(names, string(kv.Key))
	}
	return strings.Join(names, " ")
}

func kvCase(w *world) {
	put, err := w.c.Put(w.ctx, "kv/a", "1")
	must(err)
	revision := put.Header.Revision
	again, err := w.c.Put(w.ctx, "kv/a", "2", clientv3.WithPrevKV())
	must(err)
	equal(again.Header.Revision, revision+1, "the second put's revision")
	equal(string(again.PrevKv.Value), "1", "the value before")
	get, err := w.c.Get(w.ctx, "kv/a")
	must(err)
	kv := get.Kvs[0]
	equal(string(kv.Value), "2", "value")
	equal([]int64{kv.CreateRevision - revision, kv.ModRevision - revision, kv.Version}, []int64{0, 1, 2}, "revisions")
	old, err := w.c.Get(w.ctx, "kv/a", clientv3.WithRev(revision))
	must(err)
	equal(string(old.Kvs[0].Value), "1", "the value at the first revision")
	_, err = w.c.Put(w.ctx, "kv/a", "", clientv3.WithIgnoreValue())
	must(err)
	del, err := w.c.Delete(w.ctx, "kv/a", clientv3.WithPrevKV())
	must(err)
	equal(del.Deleted, 1, "deleted")
	equal(string(del.PrevKvs[0].Value), "2", "the deleted value")
	none, err := w.c.Get(w.ctx, "kv/a")
	must(err)
	equal(none.Count, 0, "count after the deletion")
	response, err := w.c.Do(w.ctx, clientv3.OpPut("kv/do", "x"))
	must(err)
	check(response.Put() != nil, "Do gives no put response")
	response, err = w.c.Do(w.ctx, clientv3.OpDelete("kv/", clientv3.WithPrefix()))
	must(err)
	equal(response.Del().Deleted, 1, "deleted by prefix")
}

func rangesCase(w *world) {
	for i, name := range []string{"c", "a", "b", "d"} {
		_, err := w.c.Put(w.ctx, "range/"+name, string(rune('z'-i)))
		must(err)
	}
	_, err := w.c.Put(w.ctx, "range/a", "y2")
	must(err)
	get := func(want string, options ...clientv3.OpOption) *clientv3.GetResponse {
		r, err := w.c.Get(w.ctx, "range/", append([]clientv3.OpOption{clientv3.WithPrefix()}, options...)...)
		must(err)
		equal(strings.ReplaceAll(keysOf(r), "range/", ""), want, "keys")
		return r
	}
	get("a b c d")
	get("d c b a", clientv3.WithSort(clientv3.SortByKey, clientv3.SortDescend))
	get("c b d a", clientv3.WithSort(clientv3.SortByModRevision, clientv3.SortAscend))
	get("c a b d", clientv3.WithSort(clientv3.SortByCreateRevision, clientv3.SortNone))
	get("d b a c", clientv3.WithSort(clientv3.SortByValue, clientv3.SortAscend))
	first := get("a", clientv3.WithSort(clientv3.SortByVersion, clientv3.SortDescend), clientv3.WithLimit(1))
	check(first.More, "more is not set")
	equal(first.Count, 4, "count with a limit")
	get("c", clientv3.WithFirstCreate()...)
	get("d", clientv3.WithLastCreate()...)
	get("a", clientv3.WithLastRev()...)
	get("d", clientv3.WithLastKey()...)
	equal(get("", clientv3.WithCountOnly()).Count, 4, "count only")
	equal(len(get("a b c d", clientv3.WithKeysOnly()).Kvs[0].Value), 0, "bytes of a value with keys only")
	get("a b c d", clientv3.WithSerializable())
	revision := get("a b c d").Kvs[2].ModRevision
	get("c", clientv3.WithMaxModRev(revision))
	get("a b d", clientv3.WithMinModRev(revision+1))
	get("c", clientv3.WithMaxCreateRev(revision))
	get("a b d", clientv3.WithMinCreateRev(revision+1))
	from, err := w.c.Get(w.ctx, "range/c", clientv3.WithFromKey(), clientv3.WithLimit(2))
	must(err)
	equal(keysOf(from), "range/c range/d", "from a key on")
	part, err := w.c.Get(w.ctx, "range/b", clientv3.WithRange("range/d"))
	must(err)
	equal(keysOf(part), "range/b range/c", "a range")
}

func txnCase(w *world) {
	txn := func(cmps ...clientv3.Cmp) clientv3.Txn { return w.c.Txn(w.ctx).If(cmps...) }
	r, err := txn(clientv3util.KeyMissing("txn/a")).Then(clientv3.OpPut("txn/a", "1"), clientv3.OpPut("txn/b", "1")).Commit()
	must(err)
	check(r.Succeeded, "the key is there")
	get, err := w.c.Get(w.ctx, "txn/", clientv3.WithPrefix())
	must(err)
	equal(get.Kvs[0].ModRevision, get.Kvs[1].ModRevision, "revisions of one transaction")
	revision := get.Kvs[0].ModRevision
	r, err = txn(
		clientv3util.KeyExists("txn/a"), clientv3.Compare(clientv3.Value("txn/a"), "=", "1"),
		clientv3.Compare(clientv3.Version("txn/a"), "<", 2), clientv3.Compare(clientv3.ModRevision("txn/b"), ">", revision-1),
		clientv3.Compare(clientv3.CreateRevision("txn/a"), "!=", 0), clientv3.Compare(clientv3.LeaseValue("txn/a"), "=", 0),
		clientv3.Compare(clientv3.Value("txn/"), "=", "1").WithPrefix(),
	).Then(
		clientv3.OpGet("txn/a"), clientv3.OpDelete("txn/b"),
		clientv3.OpTxn([]clientv3.Cmp{clientv3.Compare(clientv3.Value("txn/none"), "=", "1")},
			[]clientv3.Op{clientv3.OpPut("txn/yes", "1")}, []clientv3.Op{clientv3.OpPut("txn/no", "1"), clientv3.OpGet("txn/no")}),
	).Else(clientv3.OpGet("txn/b")).Commit()
	must(err)
	check(r.Succeeded, "the compares do not hold")
	equal(string(r.Responses[0].GetResponseRange().Kvs[0].Value), "1", "the value in a transaction")
	equal(r.Responses[1].GetResponseDeleteRange().Deleted, 1, "deleted in a transaction")
	nested := r.Responses[2].GetResponseTxn()
	check(!nested.Succeeded, "a compare of a missing key's value holds")
	equal(nested.Responses[1].GetResponseRange().Count, 1, "a transaction sees its own put")
	r, err = txn(clientv3.Compare(clientv3.Value("txn/a"), "=", "2")).Else(clientv3.OpGet("txn/a")).Commit()
	must(err)
	check(!r.Succeeded && len(r.Responses) == 1, "the failure branch did not run")
	_, err = txn().Then(clientv3.OpPut("txn/x", "1"), clientv3.OpPut("txn/x", "2")).Commit()
	equal(err, rpctypes.ErrDuplicateKey, "two puts")
	var many []clientv3.Op
	for i := 0; i < 129; i++ {
		many = append(many, clientv3.OpGet("txn/a"))
	}
	_, err = txn().Then(many...).Commit()
	equal(err, rpctypes.ErrTooManyOps, "129 operations")
}

func compactionCase(w *world) {
	var last int64
	for i := 0; i < 10; i++ {
		r, err := w.c.Put(w.ctx, "compact/a", "x")
		must(err)
		last = r.Header.Revision
	}
	_, err := w.c.Compact(w.ctx, last-3, clientv3.WithCompactPhysical())
	must(err)
	_, err = w.c.Get(w.ctx, "compact/a", clientv3.WithRev(last-4))
	equal(err, rpctypes.ErrCompacted, "below the compaction")
	_, err = w.c.Get(w.ctx, "compact/a", clientv3.WithRev(last-3))
	must(err)
	_, err = w.c.Compact(w.ctx, last-3)
	equal(err, rpctypes.ErrCompacted, "compacted again")
	_, err = w.c.Compact(w.ctx, last+100)
	equal(err, rpctypes.ErrFutureRev, "compaction of the future")
}

func errorsCase(w *world) {
	_, err := w.c.Put(w.ctx, "", "x")
	equal(err, rpctypes.ErrEmptyKey, "an empty key")
	_, err = w.c.Get(w.ctx, "a", clientv3.WithRev(1<<40))
	equal(err, rpctypes.ErrFutureRev, "a future revision")
	_, err = w.c.Put(w.ctx, "errors/none", "", clientv3.WithIgnoreValue())
	equal(err, rpctypes.ErrKeyNotFound, "ignoring the value of no key")
	_, err = w.c.Put(w.ctx, "errors/a", "x", clientv3.WithLease(12345))
	equal(err, rpctypes.ErrLeaseNotFound, "a lease that is not there")
	_, err = w.c.Put(w.ctx, "errors/large", strings.Repeat("x", 1700000))
	equal(err, rpctypes.ErrRequestTooLarge, "a request of 1.7 MB")
	_, err = w.c.Put(w.ctx, "errors/a", strings.Repeat("x", 1400000))
	must(err)
	_, err = w.c.Delete(w.ctx, "errors/a")
	must(err)
}
