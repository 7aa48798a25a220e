"""Asks the application's gRPC face (apps/sample/hello.proto) as one of its clients would."""

from __future__ import annotations

from dataclasses import dataclass

import grpc

from kubedrill.base.errors import StepFailed

METHOD = "/kubedrill.hello.v1.Hello/SayHello"
_LENGTH_DELIMITED = 2  # protobuf wire type of strings; hello.proto has no other


@dataclass(frozen=True, slots=True)
class Greeting:
    """hello.proto's HelloReply."""

    greeting: str = ""
    version: str = ""
    pod: str = ""
    node: str = ""


def decode(data: bytes) -> Greeting:
    r"""Decode a HelloReply; unknown fields are left out.

    >>> decode(b"\n\x02hi\x12\x02v1")
    Greeting(greeting='hi', version='v1', pod='', node='')

    Raises:
        ValueError: the bytes are none.
    """
    fields: dict[int, str] = {}
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        if key & 7 != _LENGTH_DELIMITED:
            raise ValueError(f"field {key >> 3} is not a string")
        length, at = _varint(data, at)
        if at + length > len(data):
            raise ValueError(f"field {key >> 3} is cut off")
        fields[key >> 3] = data[at : at + length].decode()
        at += length
    return Greeting(*(fields.get(number, "") for number in (1, 2, 3, 4)))


def say_hello(target: str, timeout_s: float) -> Greeting:
    """Call SayHello at ``host:port``.

    Raises:
        StepFailed: no answer, or not a HelloReply; carries the gRPC status.
    """
    with grpc.insecure_channel(target) as channel:
        call = channel.unary_unary(METHOD, request_serializer=bytes, response_deserializer=bytes)
        try:
            return decode(call(b"", timeout=timeout_s))
        except (grpc.RpcError, ValueError) as error:
            reason = (
                f"{error.code().name}: {error.details()}"
                if isinstance(error, grpc.Call)
                else str(error)
            )
            raise StepFailed(
                f"gRPC {METHOD} at {target} failed with {reason}; expected a HelloReply"
            ) from error


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data):
            raise ValueError("the message ends within a number")
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return value, at
