package main

import (
	"context"
	"fmt"

	"go.etcd.io/etcd/clientv3"
	"go.etcd.io/etcd/etcdserver/api/v3rpc/rpctypes"
)

func leaseCase(w *world) {
	lease, err := w.c.Grant(w.ctx, 1000)
	must(err)
	check(lease.ID != 0 && lease.TTL == 1000, "grant: %v", lease)
	put(w, "lease/a", "1", clientv3.WithLease(lease.ID))
	put(w, "lease/b", "1", clientv3.WithLease(lease.ID))
	put(w, "lease/b", "2", clientv3.WithIgnoreLease())
	get, err := w.c.Get(w.ctx, "lease/a")
	must(err)
	equal(get.Kvs[0].Lease, int64(lease.ID), "the key's lease")
	ttl, err := w.c.TimeToLive(w.ctx, lease.ID, clientv3.WithAttachedKeys())
	must(err)
	check(ttl.GrantedTTL == 1000 && ttl.TTL > 900 && len(ttl.Keys) == 2, "time to live: %v", ttl)
	leases, err := w.c.Leases(w.ctx)
	must(err)
	found := false
	for _, l := range leases.Leases {
		found = found || l.ID == lease.ID
	}
	check(found, "the lease is not listed")
	put(w, "lease/b", "3")
	_, err = w.c.Revoke(w.ctx, lease.ID)
	must(err)
	get, err = w.c.Get(w.ctx, "lease/", clientv3.WithPrefix())
	must(err)
	equal(keysOf(get), "lease/b", "what a revoked lease leaves")
	_, err = w.c.Revoke(w.ctx, lease.ID)
	equal(err, rpctypes.ErrLeaseNotFound, "revoked again")
	ttl, err = w.c.TimeToLive(w.ctx, lease.ID)
	must(err)
	equal(ttl.TTL, -1, "time to live of no lease")
	_, err = w.c.KeepAliveOnce(w.ctx, lease.ID)
	equal(err, rpctypes.ErrLeaseNotFound, "keep-alive of no lease")
	_, err = w.c.Grant(w.ctx, 9000000001)
	equal(err, rpctypes.ErrLeaseTTLTooLarge, "a lease of 285 years")
}

func keepAliveCase(w *world) {
	lease, err := w.c.Grant(w.ctx, 3)
	must(err)
	once, err := w.c.KeepAliveOnce(w.ctx, lease.ID)
	must(err)
	equal(once.TTL, 3, "TTL of a keep-alive")
	ctx, cancel := context.WithCancel(w.ctx)
	alive, err := w.c.KeepAlive(ctx, lease.ID)
	must(err)
	for i := 0; i < 3; i++ {
		r, open := <-alive
		check(open, "keep-alives ended")
		equal(r.TTL, 3, "TTL of a keep-alive in a stream")
	}
	cancel()
	for range alive {
	}
	_, err = w.c.Revoke(w.ctx, lease.ID)
	must(err)
}

func expiryCase(w *world) {
	lease, err := w.c.Grant(w.ctx, 1)
	must(err)
	check(lease.TTL >= 1 && lease.TTL <= 3, "the least TTL: %d", lease.TTL)
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	watch := w.c.Watch(ctx, "expiry/", clientv3.WithPrefix(), clientv3.WithCreatedNotify())
	next(w, watch)
	for i := 0; i < 3; i++ {
		put(w, fmt.Sprintf("expiry/%d", i), "x", clientv3.WithLease(lease.ID))
	}
	all, _ := events(w, watch, 6)
	for _, event := range all[3:] {
		equal(event.Type, clientv3.EventTypeDelete, "what an ended lease does")
		equal(event.Kv.ModRevision, all[3].Kv.ModRevision, "the revision of all its deletions")
	}
}
