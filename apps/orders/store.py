"""The database: orders once each, in positions that readers can follow."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from order import StoredOrder
from psycopg.rows import tuple_row
from psycopg_pool import AsyncConnectionPool
from settings import login

if TYPE_CHECKING:
    from collections.abc import Sequence

    from order import Order
    from settings import Settings

WRITERS_LOCK = 7_301_001
MAX_PAGE = 500
PATIENCE_S = 3.0
"""Seconds that a reader waits for a connection: longer than a failover's reset, shorter than a
client's patience."""
DEADLINES = {
    "connect_timeout": 2,
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 5000,  # milliseconds: a node without power sends no reset
    "target_session_attrs": "read-write",  # never a standby, nor a primary that was one
}
_COLUMNS = "id, key, item, quantity, reference, position, stored_at"
# A second delivery writes too: an insert that conflicts and does nothing would commit without
# waiting for the standby, and the first delivery's commit may not have reached it when its worker
# died waiting.
_INSERT = """
INSERT INTO orders (id, key, item, quantity, reference)
SELECT * FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::integer[], %s::text[])
ON CONFLICT (id) DO UPDATE SET deliveries = orders.deliveries + 1
"""


class Store:
    """A pool of connections to whichever server is primary."""

    def __init__(self, settings: Settings, *, size: int = 4) -> None:
        def parameters() -> dict[str, Any]:
            """Read the login anew for each connection: it may have been rotated."""
            return {**DEADLINES, **login(settings.database_login_file)}

        self._pool = AsyncConnectionPool(
            settings.database,
            kwargs=parameters,
            min_size=1,
            max_size=size,
            timeout=PATIENCE_S,
            max_lifetime=300,
            reconnect_timeout=5,
            check=AsyncConnectionPool.check_connection,
            open=False,
        )

    async def open(self) -> None:
        """Begin to connect; does not wait, and never gives up."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close(timeout=2)

    async def save(
        self, orders: Sequence[Order], unreadable: Sequence[tuple[int, bytes, str]] = ()
    ) -> None:
        """Store orders in one transaction, each once however often it comes.

        Returns when that is durable.

        Raises:
            psycopg.Error: nothing of it, or all of it, is stored: save it again.
        """
        unique = list({order.id: order for order in orders}.values())
        columns = [
            [order.id for order in unique],
            [order.key for order in unique],
            [order.item for order in unique],
            [order.quantity for order in unique],
            [order.reference for order in unique],
        ]
        async with self._pool.connection() as connection, connection.cursor() as cursor:
            await cursor.execute("SELECT pg_advisory_xact_lock(%s)", [WRITERS_LOCK])
            if unique:
                await cursor.execute(_INSERT, columns)
            for sequence, payload, reason in unreadable:
                await cursor.execute(
                    "INSERT INTO unreadable (sequence, payload, reason) VALUES (%s, %s, %s) ON "
                    "CONFLICT DO NOTHING",
                    [sequence, payload, reason],
                )

    async def find(self, order_id: str) -> StoredOrder | None:
        """Return one order, or None while it is not stored."""
        query = f"SELECT {_COLUMNS} FROM orders WHERE id = %s"  # noqa: S608 - constants
        rows = await self._read(query, [order_id])
        return rows[0] if rows else None

    async def page(self, since: int, limit: int) -> list[StoredOrder]:
        """Return orders after a position, oldest first."""
        after = "FROM orders WHERE position > %s ORDER BY position LIMIT %s"
        query = f"SELECT {_COLUMNS} {after}"
        return await self._read(query, [since, limit])

    async def _read(self, query: str, values: list[Any]) -> list[StoredOrder]:
        async with (
            self._pool.connection() as connection,
            connection.cursor(row_factory=tuple_row) as cursor,
        ):
            await cursor.execute(query, values)
            rows = await cursor.fetchall()
        return [StoredOrder(str(row[0]), *row[1:6], _utc(row[6])) for row in rows]


def _utc(moment: Any) -> str:
    return str(moment.astimezone(UTC).isoformat(timespec="milliseconds"))
