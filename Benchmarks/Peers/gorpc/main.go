// The Go side of `make bench-grpc`: what GRPCBench.swift does, with grpc-go and raw bytes.
//
//	gorpc server PORT
//	gorpc unary PORT CALLERS CONNECTIONS BYTES SECONDS RUNS [PATH]
//	gorpc stream PORT STREAMS BYTES SECONDS RUNS
//	gorpc idle PORT CONNECTIONS STREAMS
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"sort"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc"
)

// Raw bytes, so that no protobuf is measured, as on the Swift side.
type rawCodec struct{}

func (rawCodec) Marshal(v interface{}) ([]byte, error) { return *(v.(*[]byte)), nil }
func (rawCodec) Unmarshal(b []byte, v interface{}) error {
	*(v.(*[]byte)) = append([]byte(nil), b...)
	return nil
}
func (rawCodec) Name() string   { return "proto" }
func (rawCodec) String() string { return "proto" }

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func number(index int) int {
	if index >= len(os.Args) {
		return 0
	}
	n, _ := strconv.Atoi(os.Args[index])
	return n
}

type echo struct{}

func unaryEcho(srv interface{}, ctx context.Context, dec func(interface{}) error, _ grpc.UnaryServerInterceptor) (interface{}, error) {
	var b []byte
	if err := dec(&b); err != nil {
		return nil, err
	}
	return &b, nil
}

func streamEcho(srv interface{}, stream grpc.ServerStream) error {
	for {
		var b []byte
		if err := stream.RecvMsg(&b); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := stream.SendMsg(&b); err != nil {
			return err
		}
	}
}

func serve(address string) {
	listener, err := net.Listen("tcp", address)
	check(err)
	server := grpc.NewServer(grpc.CustomCodec(rawCodec{}))
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "bench.Echo", HandlerType: (*interface{})(nil),
		Methods: []grpc.MethodDesc{{MethodName: "Echo", Handler: unaryEcho}, {MethodName: "EchoAsync", Handler: unaryEcho}},
		Streams: []grpc.StreamDesc{{StreamName: "Stream", Handler: streamEcho, ServerStreams: true, ClientStreams: true}},
	}, echo{})
	check(server.Serve(listener))
}

func dial(address string) *grpc.ClientConn {
	connection, err := grpc.Dial(address, grpc.WithInsecure(), grpc.WithBlock(),
		grpc.WithDefaultCallOptions(grpc.CallCustomCodec(rawCodec{})))
	check(err)
	return connection
}

func unary(address string, callers, connections, bytes, seconds, runs int, path string) {
	payload := make([]byte, bytes)
	var clients []*grpc.ClientConn
	for i := 0; i < connections; i++ {
		clients = append(clients, dial(address))
	}
	call := func(client *grpc.ClientConn) {
		var out []byte
		check(client.Invoke(context.Background(), path, &payload, &out))
		if len(out) != bytes {
			check(fmt.Errorf("a wrong echo"))
		}
	}
	for _, client := range clients {
		for i := 0; i < 200; i++ {
			call(client)
		}
	}
	for run := 0; run < runs; run++ {
		latencies := make([][]time.Duration, callers)
		var group sync.WaitGroup
		start := time.Now()
		end := start.Add(time.Duration(seconds) * time.Second)
		for i := 0; i < callers; i++ {
			group.Add(1)
			go func(i int) {
				defer group.Done()
				latencies[i] = make([]time.Duration, 0, 200000)
				for before := time.Now(); before.Before(end); {
					call(clients[i%connections])
					after := time.Now()
					latencies[i] = append(latencies[i], after.Sub(before))
					before = after
				}
			}(i)
		}
		group.Wait()
		elapsed := time.Since(start)
		var all []time.Duration
		for _, some := range latencies {
			all = append(all, some...)
		}
		sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
		fmt.Printf("rate=%d p50us=%d p99us=%d count=%d\n", int(float64(len(all))/elapsed.Seconds()),
			all[len(all)/2].Microseconds(), all[len(all)*99/100].Microseconds(), len(all))
	}
}

var streamDesc = &grpc.StreamDesc{StreamName: "Stream", ServerStreams: true, ClientStreams: true}

func stream(address string, streams, bytes, seconds, runs int) {
	client := dial(address)
	payload := make([]byte, bytes)
	for run := 0; run < runs; run++ {
		start := time.Now()
		end := start.Add(time.Duration(seconds) * time.Second)
		counts := make([]int, streams)
		var group sync.WaitGroup
		for i := 0; i < streams; i++ {
			group.Add(1)
			go func(i int) {
				defer group.Done()
				call, err := client.NewStream(context.Background(), streamDesc, "/bench.Echo/Stream")
				check(err)
				go func() {
					for sent := 0; sent%64 != 0 || time.Now().Before(end); sent++ {
						check(call.SendMsg(&payload))
					}
					check(call.CloseSend())
				}()
				for {
					var out []byte
					if err := call.RecvMsg(&out); err == io.EOF {
						return
					} else {
						check(err)
					}
					counts[i]++
				}
			}(i)
		}
		group.Wait()
		elapsed := time.Since(start)
		total := 0
		for _, count := range counts {
			total += count
		}
		fmt.Printf("rate=%d count=%d\n", int(float64(total)/elapsed.Seconds()), total)
	}
}

func idle(address string, connections, streams int) {
	payload := make([]byte, 100)
	var clients []*grpc.ClientConn
	for i := 0; i < connections; i++ {
		clients = append(clients, dial(address))
		var out []byte
		check(clients[i].Invoke(context.Background(), "/bench.Echo/Echo", &payload, &out))
	}
	for i := 0; i < streams; i++ {
		call, err := clients[i%connections].NewStream(context.Background(), streamDesc, "/bench.Echo/Stream")
		check(err)
		check(call.SendMsg(&payload))
		var out []byte
		check(call.RecvMsg(&out))
	}
	fmt.Println("ready")
	bufio.NewReader(os.Stdin).ReadString('\n')
}

func main() {
	if len(os.Args) < 3 {
		check(fmt.Errorf("usage: see main.go"))
	}
	address := "127.0.0.1:" + os.Args[2]
	switch os.Args[1] {
	case "server":
		serve(address)
	case "unary":
		path := "bench.Echo/Echo"
		if len(os.Args) > 8 {
			path = os.Args[8]
		}
		unary(address, number(3), number(4), number(5), number(6), number(7), "/"+path)
	case "stream":
		stream(address, number(3), number(4), number(5), number(6))
	case "idle":
		idle(address, number(3), number(4))
	}
}
