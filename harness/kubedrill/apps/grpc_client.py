"""A client of the sample application's gRPC service (apps/sample/hello.proto)."""

from __future__ import annotations

from dataclasses import dataclass

import grpc

from kubedrill.apps import wire
from kubedrill.base.errors import StepFailed

METHOD = "/kubedrill.hello.v1.Hello/SayHello"


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
    fields = wire.decode(data)
    values = [fields.get(number, "") for number in (1, 2, 3, 4)]
    if not all(isinstance(value, str) for value in values):
        raise ValueError(f"a field of the reply is no string: {values}")
    return Greeting(*map(str, values))


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
