"""Traffic on the order service with a ledger: started, stopped, read back."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from kubedrill.base.errors import DeadlineExceeded, StepFailed
from kubedrill.base.waits import Waiting, wait_for
from kubedrill.orders.ingress_view import trusting
from kubedrill.orders.ledger_file import LedgerWriter, read_ledger
from kubedrill.orders.traffic_process import find_altered, read_page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from kubedrill.config import Timeouts
    from kubedrill.orders.ledger import Ledger
    from kubedrill.orders.traffic_process import TrafficPlan

CHECK_S = 0.5
READ_PAGE = 499
"""Other than the follower's: its pages may be in the cache, and the read-back asks the database."""


class Traffic:
    """One run of traffic; a context manager, so that the process ends whatever happens."""

    def __init__(self, plan: TrafficPlan, ledger: Path, timeouts: Timeouts) -> None:
        self._plan, self._path, self._timeouts = plan, ledger, timeouts
        self._process: subprocess.Popen[str] | None = None
        self._altered: set[str] = set()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @property
    def since(self) -> int:
        """Position of the last order that was there before this traffic."""
        return self._plan.since

    def start(self) -> None:
        """Begin behind the last order that is there already.

        It is looked for behind the plan's ``since``.

        Raises:
            StepFailed: the service does not answer, or the process did not start.
        """
        since = max((page["next"] for page in self._pages()), default=self._plan.since)
        plan = self._plan = replace(self._plan, since=since)
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "kubedrill.orders.traffic_process",
                str(self._path),
                plan.as_json(),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Ctrl-C is for the harness, which heals first and stops its traffic last
            start_new_session=True,
        )
        if (self._process.stdout.readline() if self._process.stdout else "").strip() != "ready":
            raise StepFailed(
                f"the traffic on {plan.url} did not start (exit code {self._process.wait()})"
            )

    def stop(self) -> None:
        """Send no more, and wait for what is in flight.

        Raises:
            StepFailed: the process died before it was asked to end: what it did not send is
                missing.
        """
        process = self._process
        if process is None or process.stdin is None:
            raise StepFailed("the traffic was never started")
        self.check()
        process.stdin.close()
        try:
            code = process.wait(2 * (self._plan.retries + 1) * self._plan.timeout_s)
        except subprocess.TimeoutExpired as error:
            process.kill()
            raise StepFailed("the traffic did not end when it was asked to") from error
        if code != 0:
            raise StepFailed(f"the traffic ended with code {code}")

    def check(self) -> None:
        """Raise StepFailed when the process died before it was asked to end.

        What it did not send is missing.
        """
        code = self._process.poll() if self._process else None
        if code is not None:
            raise StepFailed(f"the traffic ended by itself with code {code}")

    def read_back(self) -> Ledger:
        """Read every order of this run back, and return the whole ledger.

        Orders that were acknowledged and are not there are waited for (timeouts.orders_stored):
        after a failover the workers have a backlog. What is missing then is lost.

        Raises:
            StepFailed: the service does not answer: nothing is proven.
        """
        expected = {write.key for write in read_ledger(self._path).acknowledged}
        stored: Counter[str] = Counter()

        def complete() -> bool | Waiting:
            nonlocal stored
            try:
                stored = self._all()
            except StepFailed as error:
                return Waiting(str(error))
            missing = expected - stored.keys()
            return Waiting(f"{len(missing)} acknowledged orders are not there") if missing else True

        seconds = self._timeouts.orders_stored
        try:
            wait_for(
                "every order to be stored",
                complete,
                seconds=seconds,
                setting="orders_stored",
                poll_s=1.0,
            )
        except DeadlineExceeded:
            stored = self._all()
        with LedgerWriter(self._path) as ledger:
            ledger.add("altered", sorted(self._altered))
            ledger.add("found", dict(stored))
        return read_ledger(self._path)

    def _all(self) -> Counter[str]:
        prefix, stored = f"{self._plan.run}-", Counter[str]()
        for page in self._pages():
            keys, _ = read_page(page)
            stored.update(key for key in keys if key.startswith(prefix))
            self._altered.update(find_altered(page, self._plan.run))
        return stored

    def _pages(self) -> Iterator[dict[str, Any]]:
        """Give each page of orders."""
        since = self._plan.since
        while True:
            path = f"/orders?since={since}&limit={READ_PAGE}"
            try:
                page = self._get(path)
                references, after = read_page(page)
            except ValueError as error:
                raise StepFailed(f"{self._plan.url}{path} answered 200, but {error}") from error
            if not references:
                return
            if after <= since:
                raise StepFailed(f"{self._plan.url}{path} gives the same page again and again")
            since = after
            yield page

    def _get(self, path: str) -> Any:
        connection = self._connection()
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
            if response.status != 200:
                raise StepFailed(
                    f"{self._plan.url}{path} answered {response.status}: "
                    f"{body.decode(errors='replace')}"
                )
            return json.loads(body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise StepFailed(f"{self._plan.url}{path} did not answer: {error!r}") from error
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        place, patience = urlsplit(self._plan.url), self._plan.timeout_s
        if place.scheme != "https":
            return http.client.HTTPConnection(
                place.hostname or "", place.port or 80, timeout=patience
            )
        trust = trusting(self._plan.authority)
        return http.client.HTTPSConnection(
            place.hostname or "", place.port or 443, timeout=patience, context=trust
        )


def sustain_traffic(seconds: float, check: Callable[[], None]) -> None:
    """Let traffic flow for so long; ``check`` is called meanwhile and may raise."""
    stop_at = time.monotonic() + seconds

    def is_over() -> bool | Waiting:
        check()
        return True if time.monotonic() >= stop_at else Waiting("traffic flows")

    wait_for(
        "traffic to flow",
        is_over,
        seconds=seconds + 60,
        setting="traffic",
        poll_s=min(CHECK_S, seconds),
    )
