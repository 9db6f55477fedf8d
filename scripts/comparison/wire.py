"""Protobuf messages as text, without their definition, so that what differs can be left out of them."""

import re

# The term of a header, which each server counts for itself. A header is the first field of every response; of leases etcdctl
# prints it alone.
TERM = re.compile(r"(?m)^(1\.4|4): \d+$")


def shown(data):
    return TERM.sub(r"\1: N", "\n".join(lines(data, "") or [repr(data)])).encode()


def lines(data, path):
    """A line for each field, or None when `data` is no message."""
    found, position = [], 0
    while position < len(data):
        tag, position = number(data, position)
        if tag is None or not 1 <= tag >> 3 <= 100:
            return None
        name, kind = f"{path}{tag >> 3}", tag & 7
        if kind == 0:
            value, position = number(data, position)
            if value is None:
                return None
            found.append(f"{name}: {value}")
        elif kind == 2:
            length, position = number(data, position)
            if length is None or position + length > len(data):
                return None
            part = data[position:position + length]
            position += length
            inner = lines(part, name + ".") if part else None
            found += inner or [f"{name}: {part!r}"]
        else:
            return None
    return found


def number(data, position):
    """The number there and where it ends, or None."""
    value = shift = 0
    while position < len(data) and shift < 70:
        value |= (data[position] & 127) << shift
        shift += 7
        position += 1
        if data[position - 1] < 128:
            return value, position
    return None, position
