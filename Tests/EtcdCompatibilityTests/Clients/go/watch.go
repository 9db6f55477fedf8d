package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.etcd.io/etcd/clientv3"
	"go.etcd.io/etcd/etcdserver/api/v3rpc/rpctypes"
)

// next waits for the next response of a watch.
func next(w *world, watch clientv3.WatchChan) clientv3.WatchResponse {
	select {
	case r, open := <-watch:
		check(open, "the watch is closed")
		return r
	case <-w.ctx.Done():
		panic(failure{"no event came"})
	}
}

// events reads so many, each as "PUT key value" or "DELETE key".
func events(w *world, watch clientv3.WatchChan, count int) (all []*clientv3.Event, text string) {
	var words []string
	for len(all) < count {
		r := next(w, watch)
		must(r.Err())
		for _, event := range r.Events {
			words = append(words, strings.TrimSpace(fmt.Sprintf("%s %s %s", event.Type, event.Kv.Key, event.Kv.Value)))
		}
		all = append(all, r.Events...)
	}
	return all, strings.Join(words, ", ")
}

func put(w *world, key, value string, options ...clientv3.OpOption) int64 {
	r, err := w.c.Put(w.ctx, key, value, options...)
	must(err)
	return r.Header.Revision
}

func watchCase(w *world) {
	ctx, cancel := context.WithCancel(w.ctx)
	watch := w.c.Watch(ctx, "watch/", clientv3.WithPrefix(), clientv3.WithPrevKV(), clientv3.WithCreatedNotify())
	check(next(w, watch).Created, "the first response does not say created")
	put(w, "watch/a", "1")
	put(w, "other", "1")
	put(w, "watch/a", "2")
	_, err := w.c.Delete(w.ctx, "watch/a")
	must(err)
	_, err = w.c.Txn(w.ctx).Then(clientv3.OpPut("watch/x", "1"), clientv3.OpPut("watch/y", "1")).Commit()
	must(err)
	all, text := events(w, watch, 5)
	equal(text, "PUT watch/a 1, PUT watch/a 2, DELETE watch/a, PUT watch/x 1, PUT watch/y 1", "events")
	check(all[0].IsCreate() && all[1].IsModify(), "create and modify")
	equal(string(all[1].PrevKv.Value), "1", "the value before")
	equal(string(all[2].PrevKv.Value), "2", "the deleted value")
	equal(all[3].Kv.ModRevision, all[4].Kv.ModRevision, "one transaction's events")
	cancel()
	for range watch {
	}
}

func watchPastCase(w *world) {
	first := put(w, "past/a", "1")
	for i := 2; i <= 300; i++ {
		put(w, "past/a", fmt.Sprint(i))
	}
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	watch := w.c.Watch(ctx, "past/a", clientv3.WithRev(first))
	all, _ := events(w, watch, 300)
	for i, event := range all {
		equal(string(event.Kv.Value), i+1, "the order of the past")
	}
	put(w, "past/a", "now")
	_, text := events(w, watch, 1)
	equal(text, "PUT past/a now", "the event after the past")
	future := w.c.Watch(ctx, "past/b", clientv3.WithRev(put(w, "past/c", "")+3))
	for i := 1; i <= 4; i++ {
		put(w, "past/b", fmt.Sprint(i))
	}
	_, text = events(w, future, 2)
	equal(text, "PUT past/b 3, PUT past/b 4", "events from the future on")
}

func watchFilterCase(w *world) {
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	deletes := w.c.Watch(ctx, "filter/a", clientv3.WithFilterPut(), clientv3.WithCreatedNotify())
	next(w, deletes)
	puts := w.c.Watch(ctx, "filter/a", clientv3.WithFilterDelete(), clientv3.WithCreatedNotify())
	next(w, puts)
	put(w, "filter/a", "1")
	_, err := w.c.Delete(w.ctx, "filter/a")
	must(err)
	put(w, "filter/a", "2")
	_, text := events(w, puts, 2)
	equal(text, "PUT filter/a 1, PUT filter/a 2", "puts")
	_, text = events(w, deletes, 1)
	equal(text, "DELETE filter/a", "deletes")
}

func watchProgressCase(w *world) {
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	watch := w.c.Watch(ctx, "progress/a", clientv3.WithProgressNotify(), clientv3.WithCreatedNotify())
	next(w, watch)
	revision := put(w, "progress/b", "1")
	for {
		must(w.c.RequestProgress(ctx))
		r := next(w, watch)
		check(r.IsProgressNotify(), "no progress: %v", r)
		if r.Header.Revision >= revision {
			return
		}
	}
}

func watchFragmentCase(w *world) {
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	first := int64(0)
	for i := 0; i < 6; i++ {
		r := put(w, fmt.Sprintf("fragment/%d", i), strings.Repeat("x", 900000))
		if first == 0 {
			first = r
		}
	}
	watch := w.c.Watch(ctx, "fragment/", clientv3.WithPrefix(), clientv3.WithRev(first), clientv3.WithFragment())
	all, _ := events(w, watch, 6)
	equal(len(all), 6, "large events")
	_, err := w.c.Delete(w.ctx, "fragment/", clientv3.WithPrefix())
	must(err)
}

func watchCompactedCase(w *world) {
	first := put(w, "gone/a", "1")
	last := put(w, "gone/a", "2")
	_, err := w.c.Compact(w.ctx, last)
	must(err)
	watch := w.c.Watch(w.ctx, "gone/a", clientv3.WithRev(first))
	r := next(w, watch)
	equal(r.Err(), rpctypes.ErrCompacted, "a watch of what is forgotten")
	equal(r.CompactRevision, last, "compact revision")
	select {
	case _, open := <-watch:
		check(!open, "something comes after the end")
	case <-time.After(10 * time.Second):
		panic(failure{"the watch does not end"})
	}
}
