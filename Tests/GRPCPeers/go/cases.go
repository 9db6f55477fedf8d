package main

import (
	"context"
	"io"
	"time"

	"github.com/golang/protobuf/ptypes/duration"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

type client struct{ connection *grpc.ClientConn }

const service = "/apus.testing.Interop/"

func (c client) unary(ctx context.Context, method string, request message, options ...grpc.CallOption) (*message, error) {
	in := request.encode(false)
	var out []byte
	if err := c.connection.Invoke(ctx, service+method, &in, &out, options...); err != nil {
		return nil, err
	}
	return decode(out, true)
}

func (c client) stream(ctx context.Context, method string, options ...grpc.CallOption) grpc.ClientStream {
	desc := &grpc.StreamDesc{ServerStreams: method != "Input", ClientStreams: method != "Output"}
	stream, err := c.connection.NewStream(ctx, desc, service+method, options...)
	check(err)
	return stream
}

func send(stream grpc.ClientStream, request message) {
	b := request.encode(false)
	check(stream.SendMsg(&b))
}

func receive(stream grpc.ClientStream) (*message, error) {
	var b []byte
	if err := stream.RecvMsg(&b); err != nil {
		return nil, err
	}
	return decode(b, true)
}

func expectCode(err error, code codes.Code) {
	expect(status.Code(err) == code, "%v instead of %v", err, code)
}

var requestSizes = []int{27182, 8, 1828, 45904}
var replySizes = []int{31415, 9, 2653, 58979}

func large(ctx context.Context, c client, options ...grpc.CallOption) {
	reply, err := c.unary(ctx, "Unary", message{sizes: []int{314159}, payload: make([]byte, 271828)}, options...)
	check(err)
	expect(len(reply.payload) == 314159 && reply.received == 271828, "%d, %d bytes", len(reply.payload), reply.received)
}

func inputStream(ctx context.Context, c client, options ...grpc.CallOption) {
	stream := c.stream(ctx, "Input", options...)
	for _, size := range requestSizes {
		send(stream, message{payload: make([]byte, size)})
	}
	check(stream.CloseSend())
	reply, err := receive(stream)
	check(err)
	expect(reply.received == 74922, "%d bytes", reply.received)
}

func outputStream(ctx context.Context, c client, options ...grpc.CallOption) {
	stream := c.stream(ctx, "Output", options...)
	send(stream, message{sizes: replySizes})
	check(stream.CloseSend())
	for _, size := range replySizes {
		reply, err := receive(stream)
		check(err)
		expect(len(reply.payload) == size, "%d bytes instead of %d", len(reply.payload), size)
	}
	_, err := receive(stream)
	expect(err == io.EOF, "%v", err)
}

func statusCase(ctx context.Context, c client, text string) {
	request := message{code: 2, text: text}
	_, err := c.unary(ctx, "Unary", request)
	expectCode(err, codes.Unknown)
	expect(status.Convert(err).Message() == text, "message %q", status.Convert(err).Message())
	stream := c.stream(ctx, "Duplex")
	send(stream, request)
	check(stream.CloseSend())
	_, err = receive(stream)
	expectCode(err, codes.Unknown)
	expect(status.Convert(err).Message() == text, "message %q", status.Convert(err).Message())
}

var cases = map[string]func(context.Context, client){
	"empty_unary": func(ctx context.Context, c client) {
		reply, err := c.unary(ctx, "Empty", message{})
		check(err)
		expect(len(reply.payload) == 0, "%d bytes", len(reply.payload))
	},
	"large_unary": func(ctx context.Context, c client) { large(ctx, c) },
	// The server's compressor is the client's.
	"client_compressed_unary": func(ctx context.Context, c client) { large(ctx, c, grpc.UseCompressor(gzip.Name)) },
	"server_compressed_unary": func(ctx context.Context, c client) { large(ctx, c, grpc.UseCompressor(gzip.Name)) },
	"client_streaming":        func(ctx context.Context, c client) { inputStream(ctx, c) },
	"client_compressed_streaming": func(ctx context.Context, c client) {
		inputStream(ctx, c, grpc.UseCompressor(gzip.Name))
	},
	"server_streaming": func(ctx context.Context, c client) { outputStream(ctx, c) },
	"server_compressed_streaming": func(ctx context.Context, c client) {
		outputStream(ctx, c, grpc.UseCompressor(gzip.Name))
	},
	"ping_pong": func(ctx context.Context, c client) {
		stream := c.stream(ctx, "Duplex")
		for i, size := range replySizes {
			send(stream, message{sizes: []int{size}, payload: make([]byte, requestSizes[i])})
			reply, err := receive(stream)
			check(err)
			expect(len(reply.payload) == size, "%d bytes instead of %d", len(reply.payload), size)
		}
		check(stream.CloseSend())
		_, err := receive(stream)
		expect(err == io.EOF, "%v", err)
	},
	"empty_stream": func(ctx context.Context, c client) {
		stream := c.stream(ctx, "Duplex")
		check(stream.CloseSend())
		_, err := receive(stream)
		expect(err == io.EOF, "%v", err)
	},
	"cancel_after_begin": func(ctx context.Context, c client) {
		ctx, cancel := context.WithCancel(ctx)
		stream := c.stream(ctx, "Input")
		cancel()
		_, err := receive(stream)
		expectCode(err, codes.Canceled)
	},
	"cancel_after_first_response": func(ctx context.Context, c client) {
		ctx, cancel := context.WithCancel(ctx)
		stream := c.stream(ctx, "Duplex")
		send(stream, message{sizes: []int{31415}, payload: make([]byte, 27182)})
		_, err := receive(stream)
		check(err)
		cancel()
		_, err = receive(stream)
		expectCode(err, codes.Canceled)
	},
	"timeout_on_sleeping_server": func(ctx context.Context, c client) {
		ctx, cancel := context.WithTimeout(ctx, time.Millisecond)
		defer cancel()
		stream, err := c.connection.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, service+"Duplex")
		if err == nil {
			b := (&message{sizes: []int{1}, payload: make([]byte, 27182), pause: 10000000}).encode(false)
			// It may be too late already; what comes back says so.
			stream.SendMsg(&b)
			_, err = receive(stream)
		}
		expectCode(err, codes.DeadlineExceeded)
	},
	"custom_metadata": func(ctx context.Context, c client) {
		ctx = metadata.AppendToOutgoingContext(ctx, initialKey, "test_initial_metadata_value", trailingKey, "\xab\xab\xab")
		var header, trailer metadata.MD
		_, err := c.unary(ctx, "Unary", message{sizes: []int{314159}, payload: make([]byte, 271828)}, grpc.Header(&header), grpc.Trailer(&trailer))
		check(err)
		expectEchoes(header, trailer)
		stream := c.stream(ctx, "Duplex")
		send(stream, message{sizes: []int{314159}, payload: make([]byte, 271828)})
		_, err = receive(stream)
		check(err)
		check(stream.CloseSend())
		_, err = receive(stream)
		expect(err == io.EOF, "%v", err)
		header, err = stream.Header()
		check(err)
		expectEchoes(header, stream.Trailer())
	},
	"status_code_and_message": func(ctx context.Context, c client) { statusCase(ctx, c, "test status message") },
	"special_status_message": func(ctx context.Context, c client) {
		statusCase(ctx, c, "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n")
	},
	"status_details": func(ctx context.Context, c client) {
		ctx = metadata.AppendToOutgoingContext(ctx, detailKey, "7")
		request := message{code: 9, text: "not yet"}
		_, err := c.unary(ctx, "Unary", request)
		expectDetail(err)
		stream := c.stream(ctx, "Duplex")
		send(stream, request)
		check(stream.CloseSend())
		_, err = receive(stream)
		expectDetail(err)
	},
	"unimplemented_method": func(ctx context.Context, c client) {
		_, err := c.unary(ctx, "Missing", message{})
		expectCode(err, codes.Unimplemented)
	},
	"unimplemented_service": func(ctx context.Context, c client) {
		in := []byte{}
		var out []byte
		expectCode(c.connection.Invoke(ctx, "/apus.testing.Missing/Unary", &in, &out), codes.Unimplemented)
	},
}

func expectDetail(err error) {
	expectCode(err, codes.FailedPrecondition)
	details := status.Convert(err).Details()
	expect(len(details) == 1, "%d details", len(details))
	detail, ok := details[0].(*duration.Duration)
	expect(ok && detail.Seconds == 7, "detail %v", details[0])
}

func expectEchoes(header, trailer metadata.MD) {
	expect(len(header.Get(initialKey)) == 1 && header.Get(initialKey)[0] == "test_initial_metadata_value", "header %v", header)
	expect(len(trailer.Get(trailingKey)) == 1 && trailer.Get(trailingKey)[0] == "\xab\xab\xab", "trailer %v", trailer)
}
