package main

import (
	"context"
	"strconv"
	"sync"
	"time"

	"go.etcd.io/etcd/clientv3"
	"go.etcd.io/etcd/clientv3/concurrency"
)

func session(w *world, options ...concurrency.SessionOption) *concurrency.Session {
	s, err := concurrency.NewSession(w.c, options...)
	must(err)
	return s
}

func mutexCase(w *world) {
	one, two := session(w, concurrency.WithTTL(5)), session(w)
	defer two.Close()
	first, second := concurrency.NewMutex(one, "mutex"), concurrency.NewMutex(two, "mutex")
	must(first.Lock(w.ctx))
	must(first.Lock(w.ctx))
	check(first.Header().Revision > 0 && first.Key() != "", "no key")
	r, err := w.c.Txn(w.ctx).If(first.IsOwner()).Commit()
	must(err)
	check(r.Succeeded, "the owner does not own")
	short, cancel := context.WithTimeout(w.ctx, 300*time.Millisecond)
	err = second.Lock(short)
	cancel()
	check(err != nil, "two have the lock")
	locked := make(chan error, 1)
	go func() { locked <- second.Lock(w.ctx) }()
	must(first.Unlock(w.ctx))
	must(<-locked)
	go func() { locked <- first.Lock(w.ctx) }()
	must(second.Unlock(w.ctx))
	must(<-locked)
	// A lock goes with its session.
	go func() { locked <- second.Lock(w.ctx) }()
	must(one.Close())
	must(<-locked)
	locker := concurrency.NewLocker(two, "locker")
	locker.Lock()
	locker.Unlock()
	two.Orphan()
	<-two.Done()
}

func electionCase(w *world) {
	one, two := session(w), session(w)
	defer one.Close()
	defer two.Close()
	first, second := concurrency.NewElection(one, "election"), concurrency.NewElection(two, "election")
	_, err := first.Leader(w.ctx)
	equal(err, concurrency.ErrElectionNoLeader, "leader of nobody")
	ctx, cancel := context.WithCancel(w.ctx)
	observed := second.Observe(ctx)
	must(first.Campaign(w.ctx, "one"))
	value := func() string {
		select {
		case r := <-observed:
			return string(r.Kvs[0].Value)
		case <-w.ctx.Done():
			panic(failure{"nothing observed"})
		}
	}
	equal(value(), "one", "observed")
	must(first.Proclaim(w.ctx, "one again"))
	equal(value(), "one again", "observed")
	campaigned := make(chan error, 1)
	go func() { campaigned <- second.Campaign(w.ctx, "two") }()
	leader, err := second.Leader(w.ctx)
	must(err)
	equal(string(leader.Kvs[0].Value), "one again", "leader")
	resumed := concurrency.ResumeElection(one, "election", first.Key(), first.Rev())
	must(resumed.Resign(w.ctx))
	must(<-campaigned)
	equal(value(), "two", "observed")
	must(second.Resign(w.ctx))
	cancel()
	for range observed {
	}
}

func stmCase(w *world) {
	// It reads at a revision without asking for a linearizable read, which another member may not have yet.
	c := connect(w.endpoints[:1])
	defer c.Close()
	put(w, "stm/a", "1000")
	put(w, "stm/b", "0")
	for _, level := range []concurrency.Isolation{
		concurrency.SerializableSnapshot, concurrency.Serializable, concurrency.RepeatableReads, concurrency.ReadCommitted,
	} {
		level := level
		var group sync.WaitGroup
		errors := make(chan error, 20)
		workers := 4
		if level == concurrency.ReadCommitted {
			workers = 1
		}
		for i := 0; i < workers; i++ {
			group.Add(1)
			go func() {
				defer group.Done()
				for j := 0; j < 5; j++ {
					_, err := concurrency.NewSTM(c, func(s concurrency.STM) error {
						a, _ := strconv.Atoi(s.Get("stm/a"))
						b, _ := strconv.Atoi(s.Get("stm/b"))
						s.Put("stm/a", strconv.Itoa(a-1))
						s.Put("stm/b", strconv.Itoa(b+1))
						return nil
					}, concurrency.WithIsolation(level), concurrency.WithAbortContext(w.ctx), concurrency.WithPrefetch("stm/a"))
					errors <- err
				}
			}()
		}
		group.Wait()
		close(errors)
		for err := range errors {
			must(err)
		}
	}
	get, err := w.c.Get(w.ctx, "stm/", clientv3.WithPrefix())
	must(err)
	equal(string(get.Kvs[0].Value)+" "+string(get.Kvs[1].Value), "935 65", "what is moved 65 times")
	_, err = concurrency.NewSTM(c, func(s concurrency.STM) error {
		check(s.Rev("stm/a") > 0, "no revision")
		s.Del("stm/a")
		return nil
	})
	must(err)
}
