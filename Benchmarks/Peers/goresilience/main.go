// goresilience ROW OPERATIONS measures Go's usual parts around a call that does nothing, and prints the allocations a call. Then
// it prints a line for each slice of the operations: nanoseconds a call, and those of a yardstick, a fixed piece of work, just
// before or after, whichever was longer. golang.org/x/time/rate limits the rate, github.com/eapache/go-resiliency has the
// retrier, the breaker and the semaphore, context the deadlines; Benchmarks/resilience.py runs it, alternating with Apus.
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
	run(slice)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	run(slice)
	runtime.ReadMemStats(&after)
	slices := make([][2]float64, 0, operations/slice+1)
	previous := yardstick()
	for i := 0; i < max(operations/slice, 1); i++ {
		start := time.Now()
		run(slice)
		took := time.Since(start)
		next := yardstick()
		slices = append(slices, [2]float64{
			float64(took.Nanoseconds()) / slice, float64(max(previous, next).Nanoseconds())})
		previous = next
	}
	fmt.Println(float64(after.Mallocs-before.Mallocs) / slice)
	for _, s := range slices {
		fmt.Println(s[0], s[1])
	}
}

const slice = 2_500

var seed uint64 = 0x9E3779B97F4A7C15

// yardstick is work that keeps all of a core's units busy for some 50 µs, so that it takes longer when another thread of the core
// is at work, as a neighbour's on the same host.
//
//go:noinline
func yardstick() time.Duration {
	start := time.Now()
	// Six chains, none of which waits for another's result.
	a, b, c, d, e, f := seed, seed^0x9E3779B9, seed^0x85EBCA6B, seed^0xC2B2AE35, ^seed, seed<<32|1
	for turn := uint64(0); turn < 12_000; turn++ {
		a = (a ^ a>>29) + a<<7
		b = (b ^ b<<13) + b>>7
		c = (c + c>>3) ^ c<<17
		d = d*0x5851F42D4C957F2D + turn
		e = (e ^ e>>11) + e<<5
		f = (f + f<<2) ^ f>>31
	}
	took := time.Since(start)
	seed = a ^ b ^ c ^ d ^ e ^ f
	return took
}
