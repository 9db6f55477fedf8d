// A peer for the interoperability tests, written with grpc-go: the service of protos/apus/testing/interop.proto, and a client
// that runs the cases of grpc/doc/interop-test-descriptions.md against it. Messages are coded by hand, so that it builds with
// Debian's packages and no generator.
//
//	peer server [tls FOLDER | mutual FOLDER]            (prints "port N", serves until its input ends)
//	peer client PORT CASE,… [tls FOLDER | mutual FOLDER]
//
// The folder has ca.pem, server.pem, server.key, client.pem and client.key.
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"io/ioutil"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"

	"github.com/golang/protobuf/ptypes/duration"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
)

type message struct {
	sizes    []int
	payload  []byte
	code     int
	text     string
	pause    int
	received int
}

func (m *message) encode(isReply bool) []byte {
	var b []byte
	if isReply {
		b = protowire.AppendTag(b, 1, protowire.BytesType)
		b = protowire.AppendBytes(b, m.payload)
		b = protowire.AppendTag(b, 2, protowire.VarintType)
		return protowire.AppendVarint(b, uint64(m.received))
	}
	for _, size := range m.sizes {
		b = protowire.AppendTag(b, 1, protowire.VarintType)
		b = protowire.AppendVarint(b, uint64(size))
	}
	b = protowire.AppendTag(b, 2, protowire.BytesType)
	b = protowire.AppendBytes(b, m.payload)
	b = protowire.AppendTag(b, 3, protowire.VarintType)
	b = protowire.AppendVarint(b, uint64(m.code))
	b = protowire.AppendTag(b, 4, protowire.BytesType)
	b = protowire.AppendString(b, m.text)
	b = protowire.AppendTag(b, 6, protowire.VarintType)
	return protowire.AppendVarint(b, uint64(m.pause))
}

func decode(b []byte, isReply bool) (*message, error) {
	m := &message{}
	for len(b) > 0 {
		field, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil, fmt.Errorf("not a message")
		}
		b = b[n:]
		var value uint64
		var bytes []byte
		if kind == protowire.VarintType {
			value, n = protowire.ConsumeVarint(b)
		} else if kind == protowire.BytesType {
			bytes, n = protowire.ConsumeBytes(b)
		} else {
			return nil, fmt.Errorf("not a message")
		}
		if n < 0 {
			return nil, fmt.Errorf("not a message")
		}
		b = b[n:]
		switch {
		case isReply && field == 1, !isReply && field == 2:
			m.payload = bytes
		case isReply && field == 2:
			m.received = int(value)
		case field == 1 && kind == protowire.BytesType:
			for len(bytes) > 0 {
				value, n = protowire.ConsumeVarint(bytes)
				if n < 0 {
					return nil, fmt.Errorf("not a message")
				}
				m.sizes = append(m.sizes, int(value))
				bytes = bytes[n:]
			}
		case field == 1:
			m.sizes = append(m.sizes, int(value))
		case field == 3:
			m.code = int(value)
		case field == 4:
			m.text = string(bytes)
		case field == 6:
			m.pause = int(value)
		}
	}
	return m, nil
}

type rawCodec struct{}

func (rawCodec) Marshal(v interface{}) ([]byte, error) { return *(v.(*[]byte)), nil }
func (rawCodec) Unmarshal(b []byte, v interface{}) error {
	*(v.(*[]byte)) = append([]byte(nil), b...)
	return nil
}
func (rawCodec) Name() string   { return "proto" }
func (rawCodec) String() string { return "proto" }

const (
	initialKey  = "x-grpc-test-echo-initial"
	trailingKey = "x-grpc-test-echo-trailing-bin"
	// The status carries a google.protobuf.Duration of so many seconds.
	detailKey = "x-apus-detail-seconds"
)

func failure(ctx context.Context, request *message) error {
	answer := status.New(codes.Code(request.code), request.text)
	in, _ := metadata.FromIncomingContext(ctx)
	if values := in.Get(detailKey); len(values) > 0 {
		seconds, err := strconv.Atoi(values[0])
		if err != nil {
			return err
		}
		if answer, err = answer.WithDetails(&duration.Duration{Seconds: int64(seconds)}); err != nil {
			return err
		}
	}
	return answer.Err()
}

func echoMetadata(ctx context.Context, initial, trailing func(metadata.MD)) {
	in, _ := metadata.FromIncomingContext(ctx)
	if values := in.Get(initialKey); len(values) > 0 {
		initial(metadata.Pairs(initialKey, values[0]))
	}
	if values := in.Get(trailingKey); len(values) > 0 {
		trailing(metadata.Pairs(trailingKey, values[0]))
	}
}

func unaryHandler(srv interface{}, ctx context.Context, dec func(interface{}) error, _ grpc.UnaryServerInterceptor) (interface{}, error) {
	var b []byte
	if err := dec(&b); err != nil {
		return nil, err
	}
	request, err := decode(b, false)
	if err != nil {
		return nil, err
	}
	echoMetadata(ctx, func(md metadata.MD) { grpc.SetHeader(ctx, md) }, func(md metadata.MD) { grpc.SetTrailer(ctx, md) })
	if request.code != 0 {
		return nil, failure(ctx, request)
	}
	reply := message{received: len(request.payload)}
	if len(request.sizes) > 0 {
		reply.payload = make([]byte, request.sizes[0])
	}
	out := reply.encode(true)
	return &out, nil
}

func streamHandler(srv interface{}, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	isInput := method == "/apus.testing.Interop/Input"
	echoMetadata(stream.Context(), func(md metadata.MD) { stream.SetHeader(md) }, stream.SetTrailer)
	total := 0
	for {
		var b []byte
		if err := stream.RecvMsg(&b); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		request, err := decode(b, false)
		if err != nil {
			return err
		}
		total += len(request.payload)
		if request.code != 0 {
			return failure(stream.Context(), request)
		}
		for _, size := range request.sizes {
			time.Sleep(time.Duration(request.pause) * time.Microsecond)
			out := (&message{payload: make([]byte, size), received: total}).encode(true)
			if err := stream.SendMsg(&out); err != nil {
				return err
			}
		}
	}
	if isInput {
		out := (&message{received: total}).encode(true)
		return stream.SendMsg(&out)
	}
	return nil
}

// secure reads the certificates that `words` ask for; nil for cleartext.
func secure(words []string, name string) credentials.TransportCredentials {
	if len(words) == 0 {
		return nil
	}
	expect(len(words) == 2 && (words[0] == "tls" || words[0] == "mutual"), "usage: see main.go")
	folder, isMutual := words[1], words[0] == "mutual"
	authority, err := ioutil.ReadFile(filepath.Join(folder, "ca.pem"))
	check(err)
	pool := x509.NewCertPool()
	expect(pool.AppendCertsFromPEM(authority), "no certificate in ca.pem")
	config := &tls.Config{RootCAs: pool, ServerName: "localhost"}
	if name == "server" || isMutual {
		own, err := tls.LoadX509KeyPair(filepath.Join(folder, name+".pem"), filepath.Join(folder, name+".key"))
		check(err)
		config.Certificates = []tls.Certificate{own}
	}
	if name == "server" && isMutual {
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, pool
	}
	return credentials.NewTLS(config)
}

func serve(words []string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	options := []grpc.ServerOption{grpc.CustomCodec(rawCodec{})}
	if tls := secure(words, "server"); tls != nil {
		options = append(options, grpc.Creds(tls))
	}
	server := grpc.NewServer(options...)
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "apus.testing.Interop", HandlerType: (*interface{})(nil),
		Methods: []grpc.MethodDesc{{MethodName: "Empty", Handler: unaryHandler}, {MethodName: "Unary", Handler: unaryHandler}},
		Streams: []grpc.StreamDesc{
			{StreamName: "Input", Handler: streamHandler, ClientStreams: true},
			{StreamName: "Output", Handler: streamHandler, ServerStreams: true},
			{StreamName: "Duplex", Handler: streamHandler, ServerStreams: true, ClientStreams: true},
		},
	}, struct{}{})
	go func() { check(server.Serve(listener)) }()
	fmt.Println("port", listener.Addr().(*net.TCPAddr).Port)
	bufio.NewReader(os.Stdin).ReadString('\n')
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func expect(holds bool, what string, values ...interface{}) {
	if !holds {
		check(fmt.Errorf(what, values...))
	}
}

func runCases(port, names string, words []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	security := grpc.WithInsecure()
	if tls := secure(words, "client"); tls != nil {
		security = grpc.WithTransportCredentials(tls)
	}
	connection, err := grpc.DialContext(ctx, "127.0.0.1:"+port, security, grpc.WithBlock(), grpc.FailOnNonTempDialError(true),
		grpc.WithDefaultCallOptions(grpc.CallCustomCodec(rawCodec{}), grpc.MaxCallRecvMsgSize(8<<20)))
	check(err)
	for _, name := range strings.Split(names, ",") {
		run, ok := cases[name]
		expect(ok, "no case %s", name)
		fmt.Println("begins", name)
		run(ctx, client{connection})
	}
	fmt.Println("passed")
}

func main() {
	if len(os.Args) >= 2 && os.Args[1] == "server" {
		serve(os.Args[2:])
	} else if len(os.Args) >= 4 && os.Args[1] == "client" {
		runCases(os.Args[2], os.Args[3], os.Args[4:])
	} else {
		check(fmt.Errorf("usage: see main.go"))
	}
}
