#!/usr/bin/env python3
"""A peer for the interoperability tests, written with grpcio; what ../go/main.go is with grpc-go.

usage: peer.py server [tls FOLDER | mutual FOLDER]            (prints "port N", serves until its input ends)
       peer.py client PORT CASE,... [tls FOLDER | mutual FOLDER]

The folder has ca.pem, server.pem, server.key, client.pem and client.key.
"""

import pathlib
import sys
import time
from concurrent import futures

import grpc

SERVICE = "/apus.testing.Interop/"
INITIAL, TRAILING = "x-grpc-test-echo-initial", "x-grpc-test-echo-trailing-bin"
# The status carries a google.protobuf.Duration of so many seconds.
DETAIL, DETAILS, DURATION = "x-apus-detail-seconds", "grpc-status-details-bin", "type.googleapis.com/google.protobuf.Duration"
REQUEST_SIZES, REPLY_SIZES = [27182, 8, 1828, 45904], [31415, 9, 2653, 58979]


def varint(value):
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def fields(data):
    at = 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        tag = number()
        if tag & 7 == 0:
            yield tag >> 3, number()
        elif tag & 7 == 2:
            size = number()
            yield tag >> 3, data[at:at + size]
            at += size
        else:
            raise ValueError("not a message")


class Request:
    def __init__(self, sizes=(), payload=b"", code=0, text="", pause=0):
        self.sizes, self.payload, self.code, self.text, self.pause = list(sizes), payload, code, text, pause

    def encode(self):
        return (
            b"".join(field(1, size) for size in self.sizes) + field(2, self.payload) + field(3, self.code)
            + field(4, self.text.encode()) + field(6, self.pause))

    @staticmethod
    def decode(data):
        request = Request()
        for number, value in fields(data):
            if number == 1 and isinstance(value, int):
                request.sizes.append(value)
            elif number == 1:
                # Packed: as if each were a field.
                request.sizes += [size for _, size in fields(b"".join(b"\x08" + part for part in split(value)))]
            elif number == 2:
                request.payload = value
            elif number == 3:
                request.code = value
            elif number == 4:
                request.text = value.decode()
            elif number == 6:
                request.pause = value
        return request


def split(packed):
    start = 0
    for at, byte in enumerate(packed):
        if byte < 0x80:
            yield packed[start:at + 1]
            start = at + 1


class Reply:
    def __init__(self, payload=b"", received=0):
        self.payload, self.received = payload, received

    def encode(self):
        return field(1, self.payload) + field(2, self.received)

    @staticmethod
    def decode(data):
        reply = Reply()
        for number, value in fields(data):
            if number == 1:
                reply.payload = value
            elif number == 2:
                reply.received = value
        return reply


CODES = {code.value[0]: code for code in grpc.StatusCode}


def echo_metadata(context):
    for key, value in context.invocation_metadata():
        if key == INITIAL:
            context.send_initial_metadata([(key, value)])
        elif key == TRAILING:
            context.set_trailing_metadata([(key, value)])


def fail(request, context):
    for key, value in context.invocation_metadata():
        if key == DETAIL:
            detail = field(1, DURATION.encode()) + field(2, field(1, int(value)))
            status = field(1, request.code) + field(2, request.text.encode()) + field(3, detail)
            context.set_trailing_metadata([(DETAILS, status)])
    context.abort(CODES[request.code], request.text)


def unary(request, context):
    echo_metadata(context)
    if request.code:
        fail(request, context)
    return Reply(bytes(request.sizes[0]) if request.sizes else b"", len(request.payload))


def take_all(requests, context):
    return Reply(received=sum(len(request.payload) for request in requests))


def output(request, context):
    for size in request.sizes:
        time.sleep(request.pause / 1e6)
        yield Reply(bytes(size))


def duplex(requests, context):
    echo_metadata(context)
    for request in requests:
        if request.code:
            fail(request, context)
        for size in request.sizes:
            time.sleep(request.pause / 1e6)
            yield Reply(bytes(size))


def certificates(words, name):
    """The authority, and the key and certificate of `name` where it shows them; whether both sides do."""
    kind, folder = words[0], pathlib.Path(words[1])
    shows = name == "server" or kind == "mutual"
    pair = [(folder / f"{name}.{end}").read_bytes() for end in ("key", "pem")] if shows else [None, None]
    return (folder / "ca.pem").read_bytes(), pair, kind == "mutual"


def serve(words):
    server = grpc.server(futures.ThreadPoolExecutor(8), compression=grpc.Compression.Gzip)
    kinds = {
        "Empty": grpc.unary_unary_rpc_method_handler(unary, Request.decode, Reply.encode),
        "Unary": grpc.unary_unary_rpc_method_handler(unary, Request.decode, Reply.encode),
        "Input": grpc.stream_unary_rpc_method_handler(take_all, Request.decode, Reply.encode),
        "Output": grpc.unary_stream_rpc_method_handler(output, Request.decode, Reply.encode),
        "Duplex": grpc.stream_stream_rpc_method_handler(duplex, Request.decode, Reply.encode),
    }
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("apus.testing.Interop", kinds)])
    if words:
        authority, pair, is_mutual = certificates(words, "server")
        credentials = grpc.ssl_server_credentials([tuple(pair)], authority if is_mutual else None, is_mutual)
        port = server.add_secure_port("127.0.0.1:0", credentials)
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print("port", port, flush=True)
    sys.stdin.readline()
    server.stop(None)


class Client:
    def __init__(self, port, words):
        options = [("grpc.max_receive_message_length", 8 << 20)]
        if words:
            authority, pair, _ = certificates(words, "client")
            options.append(("grpc.ssl_target_name_override", "localhost"))
            credentials = grpc.ssl_channel_credentials(authority, *pair)
            self.channel = grpc.secure_channel(f"127.0.0.1:{port}", credentials, options)
        else:
            self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", options)
        coding = {"request_serializer": Request.encode, "response_deserializer": Reply.decode}
        self.empty = self.channel.unary_unary(SERVICE + "Empty", **coding)
        self.unary = self.channel.unary_unary(SERVICE + "Unary", **coding)
        self.missing = self.channel.unary_unary(SERVICE + "Missing", **coding)
        self.unknown = self.channel.unary_unary("/apus.testing.Missing/Unary", **coding)
        self.input = self.channel.stream_unary(SERVICE + "Input", **coding)
        self.output = self.channel.unary_stream(SERVICE + "Output", **coding)
        self.duplex = self.channel.stream_stream(SERVICE + "Duplex", **coding)


def expect_error(call, code, text=None):
    try:
        call()
    except grpc.RpcError as error:
        assert error.code() == code, error
        assert text is None or error.details() == text, repr(error.details())
    else:
        raise AssertionError(f"no error instead of {code}")


def large(client, **options):
    reply = client.unary(Request([314159], bytes(271828)), timeout=20, **options)
    assert len(reply.payload) == 314159 and reply.received == 271828


def input_stream(client, **options):
    reply = client.input((Request(payload=bytes(size)) for size in REQUEST_SIZES), timeout=20, **options)
    assert reply.received == 74922


def output_stream(client, **options):
    replies = client.output(Request(REPLY_SIZES), timeout=20, **options)
    assert [len(reply.payload) for reply in replies] == REPLY_SIZES


def ping_pong(client):
    import queue
    requests = queue.Queue()
    replies = client.duplex(iter(requests.get, None), timeout=20)
    for request, reply in zip(REQUEST_SIZES, REPLY_SIZES):
        requests.put(Request([reply], bytes(request)))
        assert len(next(replies).payload) == reply
    requests.put(None)
    assert list(replies) == []


def cancel_after_begin(client):
    call = client.input.future(iter(lambda: time.sleep(20), None), timeout=20)
    call.cancel()
    assert call.cancelled() and call.code() == grpc.StatusCode.CANCELLED


def cancel_after_first_response(client):
    import queue
    requests = queue.Queue()
    requests.put(Request([31415], bytes(27182)))
    replies = client.duplex(iter(requests.get, None), timeout=20)
    next(replies)
    replies.cancel()
    expect_error(lambda: next(replies), grpc.StatusCode.CANCELLED)
    requests.put(None)


def timeout(client):
    replies = client.duplex(iter([Request([1], bytes(27182), pause=10000000)]), timeout=0.001)
    expect_error(lambda: next(replies), grpc.StatusCode.DEADLINE_EXCEEDED)


def custom_metadata(client):
    sent = [(INITIAL, "test_initial_metadata_value"), (TRAILING, b"\xab\xab\xab")]
    _, call = client.unary.with_call(Request([314159], bytes(271828)), metadata=sent, timeout=20)
    assert sent[0] in list(call.initial_metadata()) and sent[1] in list(call.trailing_metadata())
    call = client.duplex(iter([Request([314159], bytes(271828))]), metadata=sent, timeout=20)
    assert sent[0] in list(call.initial_metadata())
    assert [len(reply.payload) for reply in call] == [314159]
    assert sent[1] in list(call.trailing_metadata())


def status(client, text):
    request = Request(code=2, text=text)
    expect_error(lambda: client.unary(request, timeout=20), grpc.StatusCode.UNKNOWN, text)
    expect_error(lambda: list(client.duplex(iter([request]), timeout=20)), grpc.StatusCode.UNKNOWN, text)


def status_details(client):
    request, metadata = Request(code=9, text="not yet"), [(DETAIL, "7")]
    for call in [
        lambda: client.unary(request, metadata=metadata, timeout=20),
        lambda: list(client.duplex(iter([request]), metadata=metadata, timeout=20)),
    ]:
        try:
            call()
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.FAILED_PRECONDITION, error
            status = dict(fields(dict(error.trailing_metadata())[DETAILS]))
            assert (status[1], status[2]) == (9, b"not yet"), status
            detail = dict(fields(status[3]))
            assert detail[1].decode() == DURATION and dict(fields(detail[2])) == {1: 7}, detail
        else:
            raise AssertionError("no error")


GZIP = {"compression": grpc.Compression.Gzip}
SPECIAL = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n"
CASES = {
    "empty_unary": lambda client: client.empty(Request(), timeout=20),
    "large_unary": large,
    "client_compressed_unary": lambda client: large(client, **GZIP),
    "server_compressed_unary": lambda client: large(client, **GZIP),
    "client_streaming": input_stream,
    "client_compressed_streaming": lambda client: input_stream(client, **GZIP),
    "server_streaming": output_stream,
    "server_compressed_streaming": lambda client: output_stream(client, **GZIP),
    "ping_pong": ping_pong,
    "empty_stream": lambda client: [None for _ in client.duplex(iter([]), timeout=20)] == [] or 1 / 0,
    "cancel_after_begin": cancel_after_begin,
    "cancel_after_first_response": cancel_after_first_response,
    "timeout_on_sleeping_server": timeout,
    "custom_metadata": custom_metadata,
    "status_code_and_message": lambda client: status(client, "test status message"),
    "special_status_message": lambda client: status(client, SPECIAL),
    "status_details": status_details,
    "unimplemented_method": lambda client: expect_error(
        lambda: client.missing(Request(), timeout=20), grpc.StatusCode.UNIMPLEMENTED),
    "unimplemented_service": lambda client: expect_error(
        lambda: client.unknown(Request(), timeout=20), grpc.StatusCode.UNIMPLEMENTED),
}


if __name__ == "__main__":
    if sys.argv[1:2] == ["server"]:
        serve(sys.argv[2:])
    elif len(sys.argv) >= 4 and sys.argv[1] == "client":
        peer = Client(sys.argv[2], sys.argv[4:])
        for case in sys.argv[3].split(","):
            print("begins", case, flush=True)
            CASES[case](peer)
        print("passed")
    else:
        sys.exit(__doc__)
