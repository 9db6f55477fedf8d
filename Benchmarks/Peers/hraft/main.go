// hraft: three nodes of hashicorp/raft in one process, log and transport in memory; PROPOSERS goroutines, each of which
// proposes a command of 16 + 256 bytes at the leader and waits until it is applied there.
//
// usage: hraft PROPOSERS SECONDS RUNS
//
// Debian's golang-github-hashicorp-raft-dev has the library: GO111MODULE=off GOPATH=/usr/share/gocode GOFLAGS= go build
package main

import (
	"fmt"
	"io"
	"os"
	"sort"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

type fsm struct {
	m map[string][]byte
	n int
}

func (f *fsm) Apply(l *raft.Log) interface{}         { f.m[string(l.Data[:16])] = l.Data[16:]; f.n++; return nil }
func (f *fsm) Snapshot() (raft.FSMSnapshot, error)   { return snap{}, nil }
func (f *fsm) Restore(r io.ReadCloser) error         { return r.Close() }

type snap struct{}

func (snap) Persist(s raft.SnapshotSink) error { return s.Close() }
func (snap) Release()                          {}

func ck(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	conc, _ := strconv.Atoi(os.Args[1])
	secs, _ := strconv.ParseFloat(os.Args[2], 64)
	runs, _ := strconv.Atoi(os.Args[3])
	var rafts []*raft.Raft
	var trans []*raft.InmemTransport
	var cfg raft.Configuration
	for i := 0; i < 3; i++ {
		id := fmt.Sprintf("n%d", i)
		a, t := raft.NewInmemTransport(raft.ServerAddress(id))
		_ = a
		trans = append(trans, t)
		cfg.Servers = append(cfg.Servers, raft.Server{ID: raft.ServerID(id), Address: t.LocalAddr()})
	}
	for i := range trans {
		for j := range trans {
			if i != j {
				trans[i].Connect(trans[j].LocalAddr(), trans[j])
			}
		}
	}
	for i := 0; i < 3; i++ {
		c := raft.DefaultConfig()
		c.LocalID = cfg.Servers[i].ID
		c.LogOutput = io.Discard
		c.SnapshotThreshold = 1 << 40
		st := raft.NewInmemStore()
		ss := raft.NewInmemSnapshotStore()
		ck(raft.BootstrapCluster(c, st, st, ss, trans[i], cfg))
		r, err := raft.NewRaft(c, &fsm{m: map[string][]byte{}}, st, st, ss, trans[i])
		ck(err)
		rafts = append(rafts, r)
	}
	var leader *raft.Raft
	for leader == nil {
		time.Sleep(50 * time.Millisecond)
		for _, r := range rafts {
			if r.State() == raft.Leader {
				leader = r
			}
		}
	}
	time.Sleep(300 * time.Millisecond)
	var rates []float64
	for run := 0; run < runs; run++ {
		lat := make([][]time.Duration, conc)
		var wg sync.WaitGroup
		st := time.Now()
		end := st.Add(time.Duration(secs * 1e9))
		for i := 0; i < conc; i++ {
			wg.Add(1)
			go func(i int) {
				defer wg.Done()
				n := 0
				for {
					a := time.Now()
					if a.After(end) {
						return
					}
					cmd := make([]byte, 272)
					copy(cmd, fmt.Sprintf("key-%04d-%07d", i, n%1000))
					n++
					ck(leader.Apply(cmd, 10*time.Second).Error())
					lat[i] = append(lat[i], time.Since(a))
				}
			}(i)
		}
		wg.Wait()
		el := time.Since(st)
		var all []time.Duration
		for _, l := range lat {
			all = append(all, l...)
		}
		sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
		rates = append(rates, float64(len(all))/el.Seconds())
		fmt.Printf("hashicorp-raft conc=%d %.0f applies/s p50=%v p99=%v n=%d\n", conc, rates[run], all[len(all)/2], all[len(all)*99/100], len(all))
	}
	sort.Float64s(rates)
	fmt.Printf("MEDIAN hashicorp-raft conc=%d %.0f [%.0f..%.0f]\n", conc, rates[len(rates)/2], rates[0], rates[len(rates)-1])
}
