"""The other side of the HTTP/2 tests: Python's h2 and hpack, driven line by line over standard input and output.

usage: http2_codec.py hpack-decode | hpack-encode | server | client

hpack-decode   a line is a block in hex, or `size N`; the answer is its fields, `name:value` in hex, with blanks between
hpack-encode   a line is fields as above (with `!` in front: never indexed), or `size N`; the answer is a block in hex
server         a line is bytes from the client in hex; the answer is bytes to the client. Echoes every request's body
client         a line is `open N` (a request with a body of N bytes), or bytes from the server in hex; the answer is bytes
               to the server. `report` answers with `complete open` and the first difference of a body, if any
"""

import sys

import h2.config
import h2.connection
import h2.events
import hpack


def answer(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def lines():
    for line in sys.stdin:
        yield line.rstrip("\n")


def hpack_decode():
    decoder = hpack.Decoder(max_header_list_size=1 << 20)
    for line in lines():
        if line.startswith("size "):
            decoder.max_allowed_table_size = int(line[5:])
            answer("")
            continue
        fields = decoder.decode(bytes.fromhex(line), raw=True)
        answer(" ".join(f"{name.hex()}:{value.hex()}" for name, value, *_ in fields))


def hpack_encode():
    encoder = hpack.Encoder()
    for number, line in enumerate(lines()):
        if line.startswith("size "):
            encoder.header_table_size = int(line[5:])
            answer("")
            continue
        fields = []
        for field in line.split():
            name, value = field.lstrip("!").split(":")
            kind = hpack.NeverIndexedHeaderTuple if field.startswith("!") else hpack.HeaderTuple
            fields.append(kind(bytes.fromhex(name), bytes.fromhex(value)))
        answer(encoder.encode(fields, huffman=number % 2 == 0).hex())


class Sender:
    """Bodies that wait for windows."""

    def __init__(self, connection):
        self.connection, self.waiting = connection, {}

    def send(self, stream, body, trailers):
        self.waiting[stream] = (body, trailers)

    def flush(self):
        for stream, (body, trailers) in list(self.waiting.items()):
            while body:
                room = min(self.connection.local_flow_control_window(stream), self.connection.max_outbound_frame_size)
                if room <= 0:
                    break
                # Padding, now and then: it counts against the window too.
                pad = 3 if room > 100 and len(body) % 7 == 0 else None
                piece = body[: room - 4 if pad else room]
                self.connection.send_data(stream, piece, pad_length=pad)
                body = body[len(piece):]
            self.waiting[stream] = (body, trailers)
            if not body:
                del self.waiting[stream]
                if trailers:
                    self.connection.send_headers(stream, trailers, end_stream=True)
                else:
                    self.connection.end_stream(stream)


def server():
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    connection.initiate_connection()
    sender, bodies = Sender(connection), {}
    for line in lines():
        for event in connection.receive_data(bytes.fromhex(line)):
            if isinstance(event, h2.events.RequestReceived):
                bodies[event.stream_id] = b""
            elif isinstance(event, h2.events.DataReceived):
                bodies[event.stream_id] += event.data
                connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamReset):
                bodies.pop(event.stream_id, None)
                sender.waiting.pop(event.stream_id, None)
            if isinstance(event, h2.events.StreamEnded):
                connection.send_headers(event.stream_id, [(":status", "103"), ("link", "early")])
                connection.send_headers(event.stream_id, [(":status", "200"), ("content-type", "application/grpc")])
                sender.send(event.stream_id, bodies.pop(event.stream_id), [("grpc-status", "0"), ("x-seen", "yes")])
        sender.flush()
        answer(connection.data_to_send().hex())


def client():
    connection = h2.connection.H2Connection()
    connection.initiate_connection()
    sender, sent, received, complete, difference = Sender(connection), {}, {}, 0, ""
    for line in lines():
        if line == "report":
            answer(f"{complete} {len(sent)} {difference}")
            continue
        if line.startswith("open "):
            stream, count = connection.get_next_available_stream_id(), int(line[5:])
            sent[stream] = bytes((index * 31 + stream) & 0xFF for index in range(count))
            received[stream] = b""
            connection.send_headers(stream, [
                (":method", "POST"), (":scheme", "http"), (":path", "/echo"), (":authority", "localhost"),
                hpack.NeverIndexedHeaderTuple("authorization", "secret"), ("x-number", str(stream))])
            sender.send(stream, sent[stream], None)
            line = ""
        for event in connection.receive_data(bytes.fromhex(line)) if line else []:
            if isinstance(event, h2.events.DataReceived):
                received[event.stream_id] += event.data
                connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                complete += 1
                if received.pop(event.stream_id) != sent.pop(event.stream_id):
                    difference = difference or f"body-of-{event.stream_id}"
            elif isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)):
                difference = difference or repr(event).replace(" ", "-")
        sender.flush()
        answer(connection.data_to_send().hex())


{"hpack-decode": hpack_decode, "hpack-encode": hpack_encode, "server": server, "client": client}[sys.argv[1]]()
