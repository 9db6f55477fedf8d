// Everything that etcd's own Go client offers, against whatever serves the etcd v3 API:
//
//	clients ENDPOINT[,ENDPOINT…] [CASE…]
//
// Prints a line for each case, and ends with 1 when one fails. The store must be empty at the beginning.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"go.etcd.io/etcd/clientv3"
	"go.uber.org/zap"
)

type world struct {
	endpoints []string
	c         *clientv3.Client
	ctx       context.Context
}

var cases = []struct {
	name string
	run  func(*world)
}{
	{"kv", kvCase}, {"ranges", rangesCase}, {"txn", txnCase}, {"compaction", compactionCase}, {"errors", errorsCase},
	{"watch", watchCase}, {"watch from the past", watchPastCase}, {"watch filters", watchFilterCase},
	{"watch progress", watchProgressCase}, {"watch fragments", watchFragmentCase}, {"watch compacted", watchCompactedCase},
	{"lease", leaseCase}, {"keep-alive", keepAliveCase}, {"expiry", expiryCase},
	{"mutex", mutexCase}, {"election", electionCase}, {"stm", stmCase},
	{"namespace", namespaceCase}, {"mirror", mirrorCase}, {"naming", namingCase}, {"ordering", orderingCase},
	{"leasing", leasingCase}, {"maintenance", maintenanceCase}, {"snapshot", snapshotCase}, {"cluster", clusterCase},
	{"auth", authCase},
}

func connect(endpoints []string) *clientv3.Client {
	c, err := dial(clientv3.Config{Endpoints: endpoints})
	must(err)
	return c
}

func dial(config clientv3.Config) (*clientv3.Client, error) {
	config.DialTimeout = 10 * time.Second
	// It writes a warning for each error of the server otherwise, also for those that are meant.
	quiet := zap.NewProductionConfig()
	quiet.Level.SetLevel(zap.FatalLevel)
	config.LogConfig = &quiet
	return clientv3.New(config)
}

// failure is what a case ends with when something is not as it must be.
type failure struct{ text string }

func must(err error) {
	if err != nil {
		panic(failure{err.Error()})
	}
}

func check(holds bool, format string, values ...interface{}) {
	if !holds {
		panic(failure{fmt.Sprintf(format, values...)})
	}
}

func equal(got, want interface{}, what string) {
	check(fmt.Sprint(got) == fmt.Sprint(want), "%s: got %v, want %v", what, got, want)
}

func fails(err error, text string) {
	check(err != nil && strings.Contains(err.Error(), text), "got error %v, want %q", err, text)
}

func run(w *world, name string, body func(*world)) (ok bool) {
	defer func() {
		if reason := recover(); reason != nil {
			f, isFailure := reason.(failure)
			if !isFailure {
				panic(reason)
			}
			fmt.Printf("FAILED %s: %s\n", name, f.text)
			ok = false
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	body(&world{w.endpoints, w.c, ctx})
	fmt.Printf("ok %s\n", name)
	return true
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: clients ENDPOINT[,ENDPOINT…] [CASE…]")
		os.Exit(2)
	}
	w := &world{endpoints: strings.Split(os.Args[1], ",")}
	w.c = connect(w.endpoints)
	defer w.c.Close()
	wanted := map[string]bool{}
	for _, name := range os.Args[2:] {
		wanted[name] = true
	}
	failed := 0
	for _, c := range cases {
		if len(wanted) > 0 && !wanted[c.name] {
			continue
		}
		if !run(w, c.name, c.run) {
			failed++
		}
	}
	if failed > 0 {
		fmt.Printf("%d failed\n", failed)
		os.Exit(1)
	}
	fmt.Println("passed")
}
