"""An order, and what a client may send for one."""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass
from typing import Any

NAMESPACE = uuid.UUID("6f1d2c0e-54a5-5f5e-9d3b-7b1f6f0c8a11")
"""Of the identifiers: an order's is made from its idempotency key, so that a retried write has the
same one."""
MAX_TEXT = 128
MAX_QUANTITY = 1_000_000
MAX_BODY = 4096
"""Bytes of a request's body."""


class BadOrder(ValueError):
    """What a client sent is no order; ``mistakes`` lists all that is wrong."""

    def __init__(self, mistakes: list[str]) -> None:
        self.mistakes = mistakes
        super().__init__("; ".join(mistakes))


@dataclass(frozen=True)
class Order:
    """What is written to the queue. ``reference`` is the client's own name for it, "" for none."""

    key: str
    item: str
    quantity: int
    reference: str = ""

    @property
    def id(self) -> str:
        """The identifier, the same for the same key."""
        return str(uuid.uuid5(NAMESPACE, self.key))

    def encode(self) -> bytes:
        """Return the form in which it lies in the queue."""
        return json.dumps(asdict(self), separators=(",", ":")).encode()

    @classmethod
    def decode(cls, data: bytes) -> Order:
        """Read what :meth:`encode` wrote; raise BadOrder for anything else."""
        try:
            raw = json.loads(data)
        except ValueError as error:
            raise BadOrder([f"not JSON: {error}"]) from error
        if not isinstance(raw, dict):
            raise BadOrder(["not an object"])
        return make_order(raw.pop("key", None), raw)


@dataclass(frozen=True)
class StoredOrder:
    """An order as it was read back.

    ``position`` grows in the order in which orders were stored; gaps are normal.
    """

    id: str
    key: str
    item: str
    quantity: int
    reference: str
    position: int
    stored_at: str
    """ISO 8601, UTC."""

    def as_json(self) -> dict[str, Any]:
        """Return what is answered."""
        return asdict(self)


def new_key() -> str:
    """Make the idempotency key of a client that gave none.

    Each such write is a new order.
    """
    return uuid.uuid4().hex


def make_order(key: Any, body: Any) -> Order:
    """Check what a client sent.

    >>> make_order("k1", {"item": "tea"}).id == make_order("k1", {"item": "ink"}).id
    True
    >>> make_order("", {"quantity": 0, "colour": "red"})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    order.BadOrder: key: expected 1 to 128 visible ASCII characters; item: missing; ...

    Raises:
        BadOrder: lists every mistake.
    """
    if not isinstance(body, dict):
        raise BadOrder(["expected an object with item, quantity and reference"])
    mistakes = []
    if not (
        isinstance(key, str)
        and 1 <= len(key) <= MAX_TEXT
        and key.isascii()
        and key.isprintable()
        and " " not in key
    ):
        mistakes.append(f"key: expected 1 to {MAX_TEXT} visible ASCII characters")
    mistakes += _text_mistakes("item", body.get("item"), needed=True)
    quantity = body.get("quantity", 1)
    if (
        not isinstance(quantity, int)
        or isinstance(quantity, bool)
        or not 1 <= quantity <= MAX_QUANTITY
    ):
        mistakes.append(f"quantity: expected a whole number from 1 to {MAX_QUANTITY}")
    mistakes += _text_mistakes("reference", body.get("reference", ""), needed=False)
    mistakes += [
        f"{name}: unknown" for name in sorted(body.keys() - {"item", "quantity", "reference"})
    ]
    if mistakes:
        raise BadOrder(mistakes)
    return Order(key, body["item"], quantity, body.get("reference", ""))


def _text_mistakes(name: str, value: Any, *, needed: bool) -> list[str]:
    if value is None:
        return [f"{name}: missing"]
    if (
        not isinstance(value, str)
        or len(value) > MAX_TEXT
        or "\0" in value
        or (needed and not value.strip())
    ):
        return [f"{name}: expected a text of {1 if needed else 0} to {MAX_TEXT} characters"]
    return []
