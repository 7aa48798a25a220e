"""The few protobuf wire rules that hello.proto, orders.proto and the health service need.

Written by hand because generated code is tied to a range of protobuf releases, and the applications
run with whatever their distribution ships. Only length-delimited (2) and varint (0) fields occur;
unknown fields are skipped, as the protobuf specification demands. apps/common/ links to this file:
it is in the applications' images, so it imports nothing.
"""

from __future__ import annotations

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
_MAX_VARINT_BYTES = 10  # protobuf encoding: a 64-bit varint


class WireError(ValueError):
    """The bytes are not a protobuf message."""


def varint(value: int) -> bytes:
    """Encode a non-negative integer.

    >>> varint(300).hex()
    'ac02'
    """
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode(fields: dict[int, str | int]) -> bytes:
    r"""Encode fields by number; proto3 leaves out empty strings and zeros.

    >>> encode({1: "hi", 2: ""})
    b'\n\x02hi'
    """
    out = bytearray()
    for number, value in fields.items():
        if not value:
            continue
        if isinstance(value, int):
            out += varint(number << 3 | VARINT) + varint(value)
        else:
            data = value.encode()
            out += varint(number << 3 | LENGTH) + varint(len(data)) + data
    return bytes(out)


def decode(data: bytes) -> dict[int, str | int]:
    """Decode string and integer fields by number; raise WireError for bytes that are no message.

    >>> decode(encode({1: "hi", 3: 7}))
    {1: 'hi', 3: 7}
    """
    fields: dict[int, str | int] = {}
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            fields[number], at = _read_varint(data, at)
        elif kind == LENGTH:
            length, at = _read_varint(data, at)
            raw, at = _take(data, at, length)
            try:
                fields[number] = raw.decode()
            except UnicodeDecodeError as error:
                raise WireError(f"a string field is not UTF-8: {error}") from error
        elif kind in (FIXED32, FIXED64):
            _, at = _take(data, at, 4 if kind == FIXED32 else 8)
        else:
            raise WireError(f"wire type {kind} is none of 0, 1, 2, 5")
    return fields


def _take(data: bytes, at: int, count: int) -> tuple[bytes, int]:
    if at + count > len(data):
        raise WireError(
            f"a field of {count} bytes at {at} goes beyond the message's {len(data)} bytes"
        )
    return data[at : at + count], at + count


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index in range(_MAX_VARINT_BYTES):
        if at >= len(data):
            raise WireError("the message ends within a varint")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value, at
    raise WireError("a varint is longer than 10 bytes")
