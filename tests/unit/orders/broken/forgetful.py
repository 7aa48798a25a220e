"""A broken order service: it forgets the idempotency key, so that a repeated write lands twice."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import main
from broker import Broker, Receipt
from order import new_key

if TYPE_CHECKING:
    from order import Order

_publish = Broker.publish


async def _forget(broker: Broker, order: Order) -> Receipt:
    return await _publish(broker, replace(order, key=new_key()))


Broker.publish = _forget  # type: ignore[method-assign]
main.main()
