// goresilience ROW OPERATIONS measures Go's usual parts around a call that does nothing, and prints a line: nanoseconds and
// allocations a call. golang.org/x/time/rate limits the rate, github.com/eapache/go-resiliency has the retrier, the breaker and
// the semaphore, context the deadlines; Benchmarks/resilience.py runs it, alternating with Apus.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/time/rate"
	"gopkg.in/eapache/go-resiliency.v1/breaker"
	"gopkg.in/eapache/go-resiliency.v1/retrier"
	"gopkg.in/eapache/go-resiliency.v1/semaphore"
)

type call func(ctx context.Context) error

type part func(next call) call

var errLimited = errors.New("rate limited")

func within(timeout time.Duration) part {
	return func(next call) call {
		return func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, timeout)
			defer cancel()
			return next(ctx)
		}
	}
}

func limited() part {
	limiter := rate.NewLimiter(1e9, 1e9)
	return func(next call) call {
		return func(ctx context.Context) error {
			if !limiter.Allow() {
				return errLimited
			}
			return next(ctx)
		}
	}
}

func bulkhead() part {
	places := semaphore.New(1000, time.Second)
	return func(next call) call {
		return func(ctx context.Context) error {
			if err := places.Acquire(); err != nil {
				return err
			}
			defer places.Release()
			return next(ctx)
		}
	}
}

func retried() part {
	r := retrier.New(retrier.ExponentialBackoff(2, 100*time.Millisecond), nil)
	r.SetJitter(0.5)
	return func(next call) call {
		return func(ctx context.Context) error { return r.RunCtx(ctx, next) }
	}
}

func broken() part {
	b := breaker.New(10, 2, 5*time.Second)
	return func(next call) call {
		return func(ctx context.Context) error { return b.Run(func() error { return next(ctx) }) }
	}
}

// rows lists the parts from the outermost to the innermost.
var rows = map[string]func() []part{
	"off":             func() []part { return nil },
	"deadline":        func() []part { return []part{within(10 * time.Second)} },
	"rate-limit":      func() []part { return []part{limited()} },
	"bulkhead":        func() []part { return []part{bulkhead()} },
	"retry":           func() []part { return []part{retried()} },
	"breaker":         func() []part { return []part{broken()} },
	"attempt-timeout": func() []part { return []part{within(4 * time.Second)} },
	"standard": func() []part {
		return []part{within(10 * time.Second), bulkhead(), retried(), broken(), within(4 * time.Second)}
	},
	"waiting": func() []part {
		return []part{within(10 * time.Second), bulkhead(), retried(), broken(), within(4 * time.Second)}
	},
	"everything": func() []part {
		return []part{within(10 * time.Second), limited(), bulkhead(), retried(), broken(), within(4 * time.Second)}
	},
}

func main() {
	if len(os.Args) != 3 || rows[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: goresilience ROW OPERATIONS")
		os.Exit(2)
	}
	operations, err := strconv.Atoi(os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	body := call(func(ctx context.Context) error { return nil })
	if os.Args[1] == "waiting" {
		body = func(ctx context.Context) error { runtime.Gosched(); return nil }
	}
	parts := rows[os.Args[1]]()
	for i := len(parts) - 1; i >= 0; i-- {
		body = parts[i](body)
	}
	run := func(n int) {
		for i := 0; i < n; i++ {
			if err := body(context.Background()); err != nil {
				panic(err)
			}
		}
	}
	run(operations / 10)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	run(operations)
	elapsed := time.Since(start)
	runtime.ReadMemStats(&after)
	fmt.Println(os.Args[1], float64(elapsed.Nanoseconds())/float64(operations),
		float64(after.Mallocs-before.Mallocs)/float64(operations))
}
