package main

import (
	"context"
	"fmt"

	"go.etcd.io/etcd/clientv3"
	"go.etcd.io/etcd/clientv3/leasing"
	"go.etcd.io/etcd/clientv3/mirror"
	"go.etcd.io/etcd/clientv3/namespace"
	"go.etcd.io/etcd/clientv3/naming/endpoints"
	"go.etcd.io/etcd/clientv3/naming/resolver"
	"go.etcd.io/etcd/clientv3/ordering"
)

func namespaceCase(w *world) {
	kv, watcher := namespace.NewKV(w.c.KV, "name/"), namespace.NewWatcher(w.c.Watcher, "name/")
	leases := namespace.NewLease(w.c.Lease, "name/")
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	watch := watcher.Watch(ctx, "", clientv3.WithPrefix(), clientv3.WithCreatedNotify())
	next(w, watch)
	lease, err := leases.Grant(w.ctx, 100)
	must(err)
	_, err = kv.Put(w.ctx, "a", "1", clientv3.WithLease(lease.ID))
	must(err)
	get, err := w.c.Get(w.ctx, "name/a")
	must(err)
	equal(keysOf(get), "name/a", "the real key")
	get, err = kv.Get(w.ctx, "a", clientv3.WithFromKey())
	must(err)
	equal(keysOf(get), "a", "the key in its namespace")
	_, text := events(w, watch, 1)
	equal(text, "PUT a 1", "events of a namespace")
	ttl, err := leases.TimeToLive(w.ctx, lease.ID, clientv3.WithAttachedKeys())
	must(err)
	equal(string(ttl.Keys[0]), "a", "a lease's key in its namespace")
	r, err := kv.Txn(w.ctx).If(clientv3.Compare(clientv3.Value("a"), "=", "1")).Then(clientv3.OpDelete("a")).Commit()
	must(err)
	check(r.Succeeded, "a transaction in a namespace")
}

func mirrorCase(w *world) {
	for i := 0; i < 1500; i++ {
		put(w, fmt.Sprintf("mirror/%04d", i), "x")
	}
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	syncer := mirror.NewSyncer(w.c, "mirror/", 0)
	pages, errors := syncer.SyncBase(ctx)
	count := 0
	for page := range pages {
		count += len(page.Kvs)
	}
	if err, open := <-errors; open {
		must(err)
	}
	equal(count, 1500, "keys of the base")
	updates := syncer.SyncUpdates(ctx)
	put(w, "mirror/new", "1")
	_, text := events(w, updates, 1)
	equal(text, "PUT mirror/new 1", "updates")
}

func namingCase(w *world) {
	manager, err := endpoints.NewManager(w.c, "naming/service")
	must(err)
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	must(manager.AddEndpoint(w.ctx, "naming/service/1", endpoints.Endpoint{Addr: "127.0.0.1:1", Metadata: "one"}))
	updates, err := manager.NewWatchChannel(ctx)
	must(err)
	equal((<-updates)[0].Endpoint.Addr, "127.0.0.1:1", "the first endpoint")
	must(manager.Update(w.ctx, []*endpoints.UpdateWithOpts{
		endpoints.NewAddUpdateOpts("naming/service/2", endpoints.Endpoint{Addr: "127.0.0.1:2"}),
		endpoints.NewDeleteUpdateOpts("naming/service/1"),
	}))
	equal(len(<-updates), 2, "updates of one change")
	list, err := manager.List(w.ctx)
	must(err)
	equal(len(list), 1, "endpoints")
	must(manager.DeleteEndpoint(w.ctx, "naming/service/2"))
	builder, err := resolver.NewBuilder(w.c)
	must(err)
	equal(builder.Scheme(), "etcd", "the resolver's scheme")
}

func orderingCase(w *world) {
	kv := ordering.NewKV(w.c.KV, ordering.NewOrderViolationSwitchEndpointClosure(w.c))
	put(w, "ordering/a", "1")
	_, err := kv.Get(w.ctx, "ordering/a")
	must(err)
	get, err := kv.Get(w.ctx, "ordering/a", clientv3.WithSerializable())
	must(err)
	equal(keysOf(get), "ordering/a", "an ordered read")
	_, err = kv.Txn(w.ctx).If().Then(clientv3.OpGet("ordering/a")).Commit()
	must(err)
}

func leasingCase(w *world) {
	one, closeOne, err := leasing.NewKV(w.c, "leasing/")
	must(err)
	defer closeOne()
	two, closeTwo, err := leasing.NewKV(w.c, "leasing/")
	must(err)
	defer closeTwo()
	_, err = one.Put(w.ctx, "k", "1")
	must(err)
	for i := 0; i < 2; i++ {
		get, err := one.Get(w.ctx, "k")
		must(err)
		equal(string(get.Kvs[0].Value), "1", "a cached value")
	}
	_, err = two.Put(w.ctx, "k", "2")
	must(err)
	get, err := one.Get(w.ctx, "k")
	must(err)
	equal(string(get.Kvs[0].Value), "2", "a value that another owner wrote")
	r, err := two.Txn(w.ctx).If(clientv3.Compare(clientv3.Value("k"), "=", "2")).Then(clientv3.OpPut("k", "3")).Commit()
	must(err)
	check(r.Succeeded, "a leasing transaction")
	del, err := one.Delete(w.ctx, "k", clientv3.WithPrefix())
	must(err)
	equal(del.Deleted, 1, "deleted by leasing")
}
