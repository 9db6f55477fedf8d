// etcdsoak: a long, steady load on an etcd-v3-compatible server (clientv3 3.4 API).
//
//	etcdsoak -endpoints http://127.0.0.1:2379 -keys 1000000 -watchers 10000 -leases 10000 -puts 1000 -ranges 500 -d 5m
//
// It fills the keys, starts the watchers (each has its share of the keys, so that every put is one event of one watcher) and the
// leases (each with a key, kept alive), and then overwrites and reads at a fixed rate, with a compaction now and then. Latency is
// measured from the moment at which an operation was due, so that one that waits behind a stalled one counts.
//
// It prints one JSON object a line: {"phase": …} when a phase ends, {"sample": …} for each stretch of time, {"end": …} at last.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/clientv3"
)

var (
	eps      = flag.String("endpoints", "http://127.0.0.1:2379", "comma separated")
	keys     = flag.Int("keys", 1000000, "keys")
	vsize    = flag.Int("vsize", 128, "value bytes")
	watchers = flag.Int("watchers", 10000, "watchers; each has keys/watchers of the keys")
	leases   = flag.Int("leases", 10000, "leases that are kept alive")
	ttl      = flag.Int64("ttl", 30, "seconds of a lease; it is kept alive three times in that time")
	puts     = flag.Int("puts", 1000, "puts a second")
	ranges   = flag.Int("ranges", 500, "linearizable reads of a key a second")
	conns    = flag.Int("conns", 16, "TCP connections (clientv3 instances)")
	workers  = flag.Int("workers", 64, "puts, and ranges, under way at most")
	dur      = flag.Duration("d", 5*time.Minute, "how long the steady load lasts")
	sample   = flag.Duration("sample", 10*time.Second, "length of a sample")
	compact  = flag.Duration("compact", 30*time.Second, "time between two compactions")
)

var (
	clients []*clientv3.Client
	value   string
	ctx     = context.Background()
)

func key(i int) string { return fmt.Sprintf("soak-%010d", i) }

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "etcdsoak:", err)
		os.Exit(1)
	}
}

func say(kind string, fields map[string]interface{}) {
	line, err := json.Marshal(map[string]interface{}{kind: fields})
	must(err)
	fmt.Println(string(line))
}

// timed runs one phase and says how long it took.
func timed(name string, f func()) {
	start := time.Now()
	f()
	say("phase", map[string]interface{}{"name": name, "seconds": time.Since(start).Seconds()})
}

// parallel calls f with 0..<n from some goroutines.
func parallel(n, goroutines int, f func(i int)) {
	var wg sync.WaitGroup
	for g := 0; g < goroutines; g++ {
		wg.Add(1)
		go func(g int) {
			defer wg.Done()
			for i := g; i < n; i += goroutines {
				f(i)
			}
		}(g)
	}
	wg.Wait()
}

func main() {
	flag.Parse()
	for i := 0; i < *conns; i++ {
		c, err := clientv3.New(clientv3.Config{Endpoints: strings.Split(*eps, ","), DialTimeout: 5 * time.Second})
		must(err)
		clients = append(clients, c)
	}
	letters := make([]byte, *vsize)
	random := rand.New(rand.NewSource(1))
	for i := range letters {
		letters[i] = 'a' + byte(random.Intn(26))
	}
	value = string(letters)
	timed("fill", fill)
	timed("leases", startLeases)
	timed("watchers", startWatchers)
	steady()
	end()
}

const batch = 100 // puts of a transaction, when the keys are filled

func fill() {
	parallel((*keys+batch-1)/batch, 8, func(i int) {
		var ops []clientv3.Op
		for k := i * batch; k < (i+1)*batch && k < *keys; k++ {
			ops = append(ops, clientv3.OpPut(key(k), value))
		}
		_, err := clients[i%len(clients)].Txn(ctx).Then(ops...).Commit()
		must(err)
	})
}

var (
	keptAlive int64
	lost      int64
	leaseIDs  []clientv3.LeaseID
)

func startLeases() {
	leaseIDs = make([]clientv3.LeaseID, *leases)
	parallel(*leases, 64, func(i int) {
		c := clients[i%len(clients)]
		lease, err := c.Grant(ctx, *ttl)
		must(err)
		leaseIDs[i] = lease.ID
		_, err = c.Put(ctx, fmt.Sprintf("lease-%010d", i), value, clientv3.WithLease(lease.ID))
		must(err)
		answers, err := c.KeepAlive(ctx, lease.ID)
		must(err)
		go func() {
			for range answers {
				atomic.AddInt64(&keptAlive, 1)
			}
			// clientv3 closes it when the server says that there is no such lease, or when its time is over.
			atomic.AddInt64(&lost, 1)
		}()
	})
}

var (
	delivered int64
	wrong     int64
	delays    latencies
	begun     = time.Now()
)

func startWatchers() {
	share := *keys / *watchers
	var ready sync.WaitGroup
	ready.Add(*watchers)
	parallel(*watchers, 64, func(i int) {
		answers := clients[i%len(clients)].Watch(
			ctx, key(i*share), clientv3.WithRange(key((i+1)*share)), clientv3.WithCreatedNotify())
		go watch(i, answers, &ready)
	})
	ready.Wait()
}

// watch checks that each key's versions come one after the other: nothing is missing, and nothing comes twice.
func watch(number int, answers clientv3.WatchChan, ready *sync.WaitGroup) {
	versions := map[string]int64{}
	isFirst := true
	for answer := range answers {
		if isFirst {
			isFirst = false
			ready.Done()
		}
		if err := answer.Err(); err != nil {
			fmt.Fprintf(os.Stderr, "watcher %d: %v\n", number, err)
			atomic.AddInt64(&wrong, 1)
		}
		for _, event := range answer.Events {
			k := string(event.Kv.Key)
			before, ok := versions[k]
			if !ok {
				before = 1
			}
			if event.Kv.Version != before+1 {
				fmt.Fprintf(os.Stderr, "watcher %d: %s has version %d after %d\n", number, k, event.Kv.Version, before)
				atomic.AddInt64(&wrong, 1)
			}
			versions[k] = event.Kv.Version
			sent, err := strconv.ParseInt(string(event.Kv.Value[:20]), 10, 64)
			must(err)
			delays.add(time.Since(begun) - time.Duration(sent))
			atomic.AddInt64(&delivered, 1)
		}
	}
}

// latencies of one sample.
type latencies struct {
	sync.Mutex
	all []time.Duration
}

func (l *latencies) add(d time.Duration) {
	l.Lock()
	l.all = append(l.all, d)
	l.Unlock()
}

// take gives count, p50, p99 and maximum in milliseconds, and begins anew.
func (l *latencies) take() map[string]interface{} {
	l.Lock()
	all := l.all
	l.all = nil
	l.Unlock()
	if len(all) == 0 {
		return map[string]interface{}{"count": 0, "p50": 0.0, "p99": 0.0, "max": 0.0}
	}
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	ms := func(d time.Duration) float64 { return float64(d) / 1e6 }
	return map[string]interface{}{
		"count": len(all), "p50": ms(all[len(all)/2]), "p99": ms(all[len(all)*99/100]), "max": ms(all[len(all)-1])}
}

var (
	acknowledged int64
	failed       int64
	putTimes     latencies
	rangeTimes   latencies
	compactTimes latencies
)

// paced calls f at a rate until the end; f gets the moment at which it was due.
func paced(rate int, end time.Time, wg *sync.WaitGroup, f func(c *clientv3.Client, r *rand.Rand, due time.Time)) {
	if rate == 0 {
		return
	}
	dues := make(chan time.Time, rate*60)
	wg.Add(1)
	go func() {
		defer wg.Done()
		defer close(dues)
		step := time.Second / time.Duration(rate)
		for due := time.Now(); due.Before(end); due = due.Add(step) {
			if wait := time.Until(due); wait > time.Millisecond {
				time.Sleep(wait)
			}
			dues <- due
		}
	}()
	for w := 0; w < *workers; w++ {
		wg.Add(1)
		go func(w int) {
			defer wg.Done()
			r := rand.New(rand.NewSource(int64(w)))
			for due := range dues {
				f(clients[w%len(clients)], r, due)
			}
		}(w)
	}
}

func steady() {
	var wg sync.WaitGroup
	end := time.Now().Add(*dur)
	count := *keys / *watchers * *watchers
	paced(*puts, end, &wg, func(c *clientv3.Client, r *rand.Rand, due time.Time) {
		v := fmt.Sprintf("%020d", int64(time.Since(begun))) + value[20:]
		if _, err := c.Put(ctx, key(r.Intn(count)), v); err != nil {
			fmt.Fprintln(os.Stderr, "put:", err)
			atomic.AddInt64(&failed, 1)
			return
		}
		atomic.AddInt64(&acknowledged, 1)
		putTimes.add(time.Since(due))
	})
	paced(*ranges, end, &wg, func(c *clientv3.Client, r *rand.Rand, due time.Time) {
		answer, err := c.Get(ctx, key(r.Intn(count)))
		if err != nil || len(answer.Kvs) != 1 {
			fmt.Fprintln(os.Stderr, "range:", err)
			atomic.AddInt64(&failed, 1)
			return
		}
		rangeTimes.add(time.Since(due))
	})
	done := make(chan struct{})
	go compactions(done)
	ticker := time.NewTicker(*sample)
	start := time.Now()
	for time.Now().Before(end.Add(-*sample / 2)) {
		<-ticker.C
		say("sample", map[string]interface{}{
			"seconds": time.Since(start).Seconds(), "put": putTimes.take(), "range": rangeTimes.take(), "event": delays.take(),
			"compaction": compactTimes.take(), "delivered": atomic.LoadInt64(&delivered), "acknowledged": atomic.LoadInt64(&acknowledged),
			"failed": atomic.LoadInt64(&failed), "keptAlive": atomic.LoadInt64(&keptAlive), "lost": atomic.LoadInt64(&lost),
			"wrong": atomic.LoadInt64(&wrong)})
	}
	wg.Wait()
	close(done)
}

// compactions forget all but the last thousand revisions.
func compactions(done chan struct{}) {
	for {
		select {
		case <-done:
			return
		case <-time.After(*compact):
		}
		answer, err := clients[0].Get(ctx, "soak")
		must(err)
		start := time.Now()
		_, err = clients[0].Compact(ctx, answer.Header.Revision-1000)
		must(err)
		compactTimes.add(time.Since(start))
	}
}

func end() {
	for i := 0; i < 3000 && atomic.LoadInt64(&delivered) < atomic.LoadInt64(&acknowledged); i++ {
		time.Sleep(10 * time.Millisecond)
	}
	count := func(prefix string) int64 {
		answer, err := clients[0].Get(ctx, prefix, clientv3.WithPrefix(), clientv3.WithCountOnly())
		must(err)
		return answer.Count
	}
	say("end", map[string]interface{}{
		"acknowledged": atomic.LoadInt64(&acknowledged), "delivered": atomic.LoadInt64(&delivered), "wrong": atomic.LoadInt64(&wrong),
		"failed": atomic.LoadInt64(&failed), "keptAlive": atomic.LoadInt64(&keptAlive), "lost": atomic.LoadInt64(&lost),
		"leases": count("lease-"), "keys": count("soak-")})
}
